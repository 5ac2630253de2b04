import { html, useEffect, useLayoutEffect, useRef, useState } from "../dom.js";
import { get, post, useGet } from "../api.js";
import * as fmt from "../fmt.js";
import { cancel, hold, isOver, JobTable, onQueue, release, retry, text } from "../jobs.js";
import { onEvent } from "../live.js";
import { setQuery, useAddress } from "../route.js";
import { Act, Bar, Empty, Fetched, Filter, Flag, Head, Loading, matcher, Section, Trouble, useRowKeys, useSome } from "../ui.js";
import { GpuStrip } from "./gpus.js";

const RECENT = 20;

/** The newest ends: a page of the history, then what ends while one looks. */
function useRecent() {
  const [jobs, set] = useState();
  const [error, fail] = useState(null);
  const seen = useRef([]);
  useEffect(() => {
    let on = true, frame = 0;
    const draw = () => { frame ||= requestAnimationFrame(() => { frame = 0; if (on) set(seen.current); }); };
    const load = () => get(`/jobs?state=succeeded,failed,canceled,timed_out,lost,dep_failed&limit=${RECENT}`).then((d) => {
      seen.current = d.jobs.sort((a, b) => (a.finished_at < b.finished_at ? 1 : -1));
      fail(null);
      draw();
    }, (e) => on && fail(e));
    const off = onEvent((name, d) => {
      if (name === "resync") load();
      if (name !== "job") return;
      const rest = seen.current.filter((j) => j.id !== d.id);
      if (!isOver(d) && rest.length === seen.current.length) return;
      seen.current = isOver(d) ? [d, ...rest].slice(0, RECENT) : rest;
      draw();
    });
    load();
    return () => { on = false; off(); cancelAnimationFrame(frame); };
  }, []);
  return [jobs, error];
}

const amounts = (q) => [["cpus", q.cpus, fmt.count], ["memory", q.memory_mib, fmt.mib], ["gpus", q.gpus, fmt.count]];

export const Capacity = ({ queue: q }) => html`<dl class="caps">${amounts(q).filter(([, a]) => a.total).map(([k, a, f]) => html`
  <div key=${k}><dt>${k}</dt><dd><${Bar} done=${a.used} total=${a.total} label=${`${k} in use`} /> <span class="num">${f(a.used)} of ${f(a.total)}</span></dd></div>`)}</dl>`;

function Switches({ queue: q }) {
  const ask = (verb) => () => post(`/queue/${verb}`, {});
  return html`${q.paused || q.draining
    ? html`<${Act} primary run=${ask("resume")}>resume<//>`
    : html`<${Act} run=${ask("pause")}>pause<//><${Act} run=${ask("drain")}>drain<//>`}
    <a class="button primary" href="/recipes">New job</a>`;
}

/** As tall as it once was, up to 25 rem: what is below stays where it is while jobs come and go. */
function Room({ children }) {
  const box = useRef();
  useLayoutEffect(() => { box.current.style.minHeight = `min(25rem, ${box.current.offsetHeight}px)`; });
  return html`<div ref=${box}>${children}</div>`;
}

function Some({ jobs, ...more }) {
  const [some, rest] = useSome(jobs);
  return html`<${JobTable} jobs=${some} ...${more} />${rest}`;
}

export function Queue() {
  const q = useGet("/queue", onQueue);
  const gpus = useGet("/gpus", (name) => name === "gpu" || name === "job" || undefined);
  const [recent, trouble] = useRecent();
  const { query } = useAddress();
  const filter = query.get("filter") ?? "";
  const fits = matcher(filter);
  const find = (id) => [...(q.data?.queued ?? []), ...(q.data?.held ?? []), ...(q.data?.running ?? []), ...(recent ?? [])].find((j) => j.id === Number(id));
  useRowKeys({
    c: (id) => { const j = find(id); if (j && !isOver(j) && confirm(`Cancel job ${id}?`)) cancel(id).catch(() => {}); },
    h: (id) => { const j = find(id); if (j?.state === "held") release(id); else if (j?.state === "queued") hold(id); },
    r: (id) => { if (isOver(find(id) ?? { state: "" })) retry(id).catch(() => {}); else return false; },
  });
  const pick = (jobs) => (filter ? jobs.filter((j) => fits(text(j))) : jobs);
  const part = (key, title, jobs, more) => html`<${Section} id=${key} title=${title} note=${jobs.length ? fmt.count(jobs.length) : ""}>
    <${Room}>${jobs.length ? html`<${Some} jobs=${pick(jobs)} label=${title} actions ...${more} />` : html`<p class="none">${more.none}</p>`}<//><//>`;
  return html`<${Head} title="Queue" sub=${q.data && html`${q.data.paused && html`<${Flag}>paused: nothing starts<//> `}${q.data.draining && html`<${Flag}>draining: nothing is taken<//>`}`}>
      <${Filter} value=${filter} onInput=${(v) => setQuery({ filter: v })} label="filter jobs" />${q.data && html`<${Switches} queue=${q.data} />`}<//>
    <${Fetched} of=${q} what="the queue" rows=${10}>${(d) => html`
      <div class="overhead"><${Capacity} queue=${d} />${gpus.data?.gpus.length ? html`<${GpuStrip} gpus=${gpus.data.gpus} />` : ""}</div>
      ${d.running.length + d.queued.length + d.held.length === 0 && !recent?.length ? html`<${Empty} title="No job yet. The first one, from a terminal:"
        cmd=${[`curl ${location.origin}/jobs -d recipe=env-check`, "cail run -- make -j4"]} />` : html`
      ${part("running", "Running", d.running, { none: "Nothing runs." })}
      ${part("queued", "Queued", d.queued, { places: !filter, none: "Nothing waits." })}
      ${d.held.length ? part("held", "Held", d.held, {}) : ""}
      <${Section} id="recent" title="Ended" actions=${html`<a href="/jobs">all jobs</a>`}>
        <${Trouble} error=${trouble} />${recent === undefined ? html`<${Loading} />` : recent.length ? html`<${JobTable} jobs=${pick(recent)} label="ended jobs" />` : html`<p class="none">Nothing has ended.</p>`}<//>`}`}<//>`;
}
