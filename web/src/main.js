import "./style.css";
import { html, render, useEffect, useState, useErrorBoundary, useRef } from "./dom.js";
import * as live from "./live.js";
import * as route from "./route.js";
import { ROW_KEYS, useKeys } from "./ui.js";
import { Overview } from "./pages/overview.js";
import { Queue } from "./pages/queue.js";
import { Jobs, Group } from "./pages/jobs.js";
import { Job } from "./pages/job.js";
import { Gpus } from "./pages/gpus.js";
import { Env, Cache } from "./pages/env.js";
import { Recipes, Recipe } from "./pages/recipes.js";
import { Comparison, Comparisons } from "./pages/comparisons.js";
import { Pr, Prs, Topics, Upstreams } from "./pages/prs.js";
import { Benchmarks, Series } from "./pages/benchmarks.js";
import { Bisection, Bisections } from "./pages/bisections.js";
import { Noise } from "./pages/noise.js";

const NAV = [["/", "Overview", "o"], ["/queue", "Queue", "q"], ["/jobs", "Jobs", "j"], ["/comparisons", "Comparisons", "c"], ["/benchmarks", "Benchmarks", "b"],
  ["/prs", "Pull requests", "p"], ["/topics", "Topics", "t"], ["/gpus", "GPUs", "g"], ["/recipes", "Recipes", "r"], ["/env", "Environment", "e"]];

function page(path) {
  const [, first, rest] = /^\/([^/]*)\/?(.*)$/.exec(path);
  switch (first) {
    case "": return html`<${Overview} />`;
    case "queue": return html`<${Queue} />`;
    case "jobs": return rest ? html`<${Job} key=${rest} id=${Number(rest)} />` : html`<${Jobs} />`;
    case "groups": return html`<${Group} key=${rest} id=${Number(rest)} />`;
    case "comparisons": return rest ? html`<${Comparison} key=${rest} id=${Number(rest)} />` : html`<${Comparisons} />`;
    case "bisections": return rest ? html`<${Bisection} key=${rest} id=${Number(rest)} />` : html`<${Bisections} />`;
    case "noise": return html`<${Noise} />`;
    case "benchmarks": return rest ? html`<${Series} key=${rest} name=${rest} />` : html`<${Benchmarks} />`;
    case "prs": return rest ? html`<${Pr} key=${rest} id=${Number(rest)} />` : html`<${Prs} />`;
    case "topics": return html`<${Topics} />`;
    case "upstreams": return html`<${Upstreams} />`;
    case "gpus": return html`<${Gpus} />`;
    case "recipes": return rest ? html`<${Recipe} key=${rest} name=${rest} />` : html`<${Recipes} />`;
    case "env": return html`<${Env} />`;
    case "cache": return html`<${Cache} />`;
    default: return html`<p>There is no such page. <a href="/">Overview</a></p>`;
  }
}

const LIVE = { live: ["live", "good"], connecting: ["connecting", "quiet"], offline: ["cail-d does not answer", "bad"], asleep: ["asleep", "quiet"] };

function Connection() {
  const [state, set] = useState(live.liveState());
  const [old, setOld] = useState(false);
  const was = useRef(state);
  useEffect(() => live.onState((now) => { // tells at once how it stands
    set(now);
    // Back after it was gone: perhaps another version, whose script has another name.
    if (now === "live" && was.current === "offline")
      fetch(import.meta.url, { method: "HEAD", cache: "no-store" }).then((r) => setOld(r.status === 404), () => {});
    was.current = now;
  }), []);
  const [text, tone] = LIVE[state];
  return html`<span class="live ${tone}" role="status"><i aria-hidden="true"></i><span>${text}</span></span>
    ${state === "offline" && html`<div class="banner warn" role="alert">cail-d does not answer; jobs run on. This page shows what it last knew and goes on by itself.</div>`}
    ${old && html`<div class="banner" role="alert">cail-d is another version now. <button type="button" onClick=${() => location.reload()}>Reload</button></div>`}`;
}

function Theme() {
  const [now, set] = useState(() => localStorage.getItem("theme") ?? "auto");
  useEffect(() => {
    document.documentElement.dataset.theme = now;
    localStorage.setItem("theme", now);
  }, [now]);
  const next = { auto: "dark", dark: "light", light: "auto" }[now];
  return html`<button type="button" class="theme" onClick=${() => set(next)} aria-label=${`colours: ${now}; change to ${next}`}
    title=${`colours: ${now}`}>${{ auto: "◐", dark: "●", light: "○" }[now]}</button>`;
}

const HELP = [["/", "filter"], ["j k", "next, previous row"], ["Enter", "open"], ["c", "cancel the job of the row"], ["h", "hold or release it"],
  ["r", "run it again"], ["n", "new job"], ["g then a letter", NAV.map(([, t, k]) => `${k} ${t}`).join(", ")], ["?", "this"]];

function Help() {
  const box = useRef();
  const chord = useRef(0);
  const keys = { ...ROW_KEYS, "?": () => box.current.showModal(), n: () => route.go("/recipes"), g: () => { chord.current = Date.now(); } };
  for (const [path, , key] of NAV) {
    const own = keys[key];
    keys[key] = () => {
      if (Date.now() - chord.current > 1500) return own ? own() : false;
      chord.current = 0;
      route.go(path);
    };
  }
  useKeys(keys);
  return html`<dialog ref=${box} aria-label="keys" onClick=${(e) => e.target === box.current && box.current.close()}><h2>Keys</h2>
    <dl class="facts">${HELP.map(([k, t]) => html`<div><dt><kbd>${k}</kbd></dt><dd>${t}</dd></div>`)}</dl>
    <form method="dialog"><button>Close</button></form></dialog>
    <button type="button" class="theme" onClick=${() => box.current.showModal()} aria-label="keys" title="keys">?</button>`;
}

function Failed({ error }) {
  return html`<div class="note bad" role="alert"><b>This page failed.</b> ${String(error?.message ?? error)}
    <p><button type="button" onClick=${() => location.reload()}>Reload</button></p></div>`;
}

function Guard({ children }) {
  const [error] = useErrorBoundary();
  return error ? html`<${Failed} error=${error} />` : children;
}

function App() {
  const { path } = route.useAddress();
  const first = path.split("/")[1], here = `/${{ groups: "jobs", noise: "comparisons", bisections: "comparisons" }[first] ?? first}`;
  return html`<a class="skip" href="#main">Skip to the page</a>
    <header class="top"><div class="in"><a class="mark" href="/">cail</a>
      <nav aria-label="pages">${NAV.map(([to, title]) => html`<a key=${to} href=${to} aria-current=${here === to ? "page" : undefined}>${title}</a>`)}</nav>
      <div class="right"><${Connection} /><${Help} /><${Theme} /></div></div></header>
    <main id="main" tabIndex="-1"><${Guard} key=${path}>${page(path)}<//></main>`;
}

route.start();
live.start();
render(html`<${App} />`, document.body);
