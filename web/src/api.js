// Questions to the daemon, and data that stay true while it talks back.
import { useEffect, useRef, useState } from "./dom.js";
import { parse } from "./door.js";
import { onEvent } from "./live.js";

export class Problem extends Error {
  constructor(status, doc) {
    super(doc.detail ?? doc.title ?? `status ${status}`);
    this.status = status;
    this.code = doc.code;
    this.hint = doc.hint;
    this.errors = doc.errors ?? [];
  }
}

async function answer(response) {
  const text = await response.text();
  let doc;
  try {
    doc = text ? parse(text) : null;
  } catch {
    throw new Problem(response.status, { detail: "the answer is not JSON" });
  }
  if (!response.ok) throw new Problem(response.status, doc ?? {});
  return doc;
}

async function ask(path, options) {
  try {
    return await fetch(path, { cache: "no-store", redirect: "error", ...options });
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new Problem(0, { detail: "cail-d does not answer", code: "offline" });
  }
}

export const get = async (path, signal) => answer(await ask(path, { signal, headers: { Accept: "application/json" } }));

/** As it is: vis() it before it is shown. */
export const getText = async (path, signal) => {
  const r = await ask(path, { signal, headers: { Accept: "text/plain, */*" } });
  return r.ok ? r.text() : answer(r);
};

/** Bytes from..to of a file (to exclusive; null = to its end): {bytes, size}. */
export async function getRange(path, from, to, signal) {
  const r = await ask(path, { signal, headers: { Range: `bytes=${from}-${to === null ? "" : to - 1}` } });
  if (r.status === 416) return { bytes: new Uint8Array(0), size: Number(/\d+$/.exec(r.headers.get("Content-Range"))?.[0] ?? 0) };
  if (!r.ok) return answer(r);
  const bytes = new Uint8Array(await r.arrayBuffer());
  return { bytes, size: Number(/\d+$/.exec(r.headers.get("Content-Range") ?? "")?.[0] ?? bytes.length) };
}

export const send = async (method, path, body, headers) => answer(await ask(path, {
  method, body: JSON.stringify(body ?? {}),
  headers: { "Content-Type": "application/json", Accept: "application/json", "X-Cail-CSRF": "1", ...headers },
}));
export const post = (path, body, headers) => send("POST", path, body, headers);

/**
 * Data of `path`, fetched again after a resync and whenever `on` asks for it.
 * on(name, data, now, soon) looks at each live event: true = fetch again (soon, and never more often
 * than fetching costs), an object = the new data (soon() = and fetch as well), undefined = not concerned.
 * Old data stay while new ones come, so nothing jumps. path null = nothing to fetch.
 */
export function useGet(path, on) {
  const [, redraw] = useState(0);
  const r = useRef(null);
  if (!r.current || r.current.path !== path) r.current = { path, data: undefined, error: null, loading: path !== null };
  const me = r.current;
  me.on = on;
  useEffect(() => {
    if (path === null) return;
    const gone = new AbortController();
    let timer = 0, frame = 0, again = false, busy = false, cost = 0;
    const draw = () => { frame ||= requestAnimationFrame(() => { frame = 0; if (!gone.signal.aborted) redraw((n) => n + 1); }); };
    const load = async () => {
      timer = 0;
      if (busy) { again = true; return; }
      busy = true;
      const from = performance.now();
      try {
        me.data = await get(path, gone.signal);
        me.error = null;
      } catch (e) {
        if (gone.signal.aborted) return;
        me.error = e;
      }
      me.loading = busy = false;
      cost = performance.now() - from;
      if (gone.signal.aborted) return;
      draw();
      if (again) { again = false; soon(); }
    };
    const soon = () => { timer ||= setTimeout(load, Math.min(15000, Math.max(300, cost * 15))); };
    me.reload = load;
    const off = onEvent((name, data) => {
      if (name === "resync") { clearTimeout(timer); load(); return; }
      const said = me.on?.(name, data, me.data, soon);
      if (said === true) soon();
      else if (said) { me.data = said; draw(); }
    });
    load();
    return () => { gone.abort(); off(); clearTimeout(timer); cancelAnimationFrame(frame); };
  }, [path]);
  return me;
}
