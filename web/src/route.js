// Addresses: the path says which page, the query what of it. Links are plain <a>; a click on one
// that leads to a page of ours changes the page in place.
import { useEffect, useState } from "./dom.js";
import { vis } from "./door.js";

const PAGES = /^\/($|queue$|jobs(\/\d+)?$|groups\/\d+$|benchmarks(\/|$)|(comparisons|bisections)(\/\d+)?$|noise$|prs(\/\d+)?$|topics$|upstreams$|gpus$|env$|cache$|recipes(\/[^/]+)?$)/;
const readers = new Set();
const changed = () => { for (const fn of readers) fn(); };

export const isPage = (path) => PAGES.test(path);

export function go(url, replace) {
  history[replace ? "replaceState" : "pushState"](null, "", url);
  changed();
  if (!replace) {
    scrollTo(0, 0);
    document.querySelector("main")?.focus({ preventScroll: true });
  }
}

/** A path as it is shown: raw() it for questions. One that is not well formed is its own name. */
function decoded(path) {
  try { return vis(decodeURIComponent(path)); } catch { return path; }
}

export function useAddress() {
  const [, redraw] = useState(0);
  useEffect(() => {
    const fn = () => redraw((n) => n + 1);
    readers.add(fn);
    return () => readers.delete(fn);
  }, []);
  return { path: decoded(location.pathname), query: new URLSearchParams(location.search) };
}

/** Change query arguments in place; null or "" removes one. */
export function setQuery(changes) {
  const q = new URLSearchParams(location.search);
  for (const [k, v] of Object.entries(changes)) v === null || v === "" || v === undefined ? q.delete(k) : q.set(k, v);
  const text = q.toString();
  go(location.pathname + (text ? `?${text}` : ""), true);
}

export function start() {
  addEventListener("popstate", changed);
  document.addEventListener("click", (e) => {
    const a = e.target.closest?.("a[href]");
    if (!a || e.defaultPrevented || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
    if (a.target || a.hasAttribute("download") || a.origin !== location.origin || !isPage(a.pathname)) return;
    if (a.hash && a.pathname === location.pathname) return;
    e.preventDefault();
    go(a.pathname + a.search);
  });
}
