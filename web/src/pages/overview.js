import { html, useMemo } from "../dom.js";
import { Interval, inWords, reach, worst } from "../compare.js";
import { useGet } from "../api.js";
import { raw } from "../door.js";
import * as fmt from "../fmt.js";
import { JobTable, onQueue } from "../jobs.js";
import { Ago, Empty, Fetched, Flag, Head, Loading, Section, State } from "../ui.js";
import { EXAMPLE, onComparisons } from "./comparisons.js";
import { GpuStrip } from "./gpus.js";
import { noPrs, onPrs, PrState } from "./prs.js";
import { Capacity } from "./queue.js";

/** When this browser was here before; told once a visit. */
function lastVisit() {
  const now = new Date().toISOString();
  let before = sessionStorage.getItem("visit");
  if (before === null) {
    before = localStorage.getItem("visit") ?? "";
    sessionStorage.setItem("visit", before);
  }
  localStorage.setItem("visit", now);
  return before;
}

function Since() {
  const since = useMemo(lastVisit, []);
  const list = useGet(since ? `/jobs?since=${encodeURIComponent(since)}&limit=1000` : null);
  if (!since || !list.data) return "";
  const jobs = list.data.jobs, n = (s) => jobs.filter((j) => j.state === s).length;
  const bad = jobs.filter((j) => ["failed", "timed_out", "lost", "dep_failed"].includes(j.state));
  return html`<p class="since"><span class="quiet">Since your last visit, <${Ago} at=${since} />:</span> ${jobs.length ? html`${fmt.plural(jobs.length, "new job")}${list.data.next_cursor ? " and more" : ""}, ${n("succeeded")} succeeded,
    ${" "}${bad.length ? html`<a class="bad" href=${`/jobs?since=${encodeURIComponent(since)}&state=failed,timed_out,lost,dep_failed`}>${bad.length} failed</a>` : "none failed"}` : "nothing new"}</p>`;
}

/** One comparison in a line: its verdict and the figure that moved most. */
function Verdict({ of: c, title, to }) {
  const full = useGet(`/comparisons/${c.id}`, (name, d) => (name === "comparison" && d.id === c.id) || undefined);
  const w = worst(full.data?.rows);
  return html`<li data-row=${c.id}><${State} of=${c.verdict ?? c.state} /><span class="grow"><a href=${to ?? `/comparisons/${c.id}`}>${title ?? c.name ?? c.recipe}</a> <span class="quiet">${w ? `${w.benchmark} ${w.metric}` : c.reason ?? ""}</span></span>
    ${w && html`<${Interval} row=${w} far=${reach([w])} /><a class="num quiet effect" href=${`/comparisons/${c.id}`}>${inWords(w)}</a>`}<span class="quiet since2"><${Ago} at=${c.finished_at ?? c.created_at} /></span></li>`;
}

/** A pull request and what its newest comparison said. */
function OpenPr({ of: p }) {
  const list = useGet(`/comparisons?pr=${encodeURIComponent(raw(p.url))}&limit=1`, onComparisons), [c] = list.data?.comparisons ?? [], to = `/prs/${p.id}`;
  return c ? html`<${Verdict} of=${c} title=${[p.pr, p.title].join(" ").trim()} to=${to} />`
    : html`<li><${PrState} of=${p.state} /><span class="grow"><a href=${to}>${p.pr}</a> ${p.title}</span><span class="quiet since2"><${Ago} at=${p.updated_at} /></span></li>`;
}

function Floor() {
  const noise = useGet("/noise"), floors = noise.data?.machines.flatMap((m) => m.series.map((s) => s.floor)).filter((f) => f !== null).sort((a, b) => a - b);
  return floors && html`<a href="/noise">${floors.length ? html`noise floor <span class="num">${fmt.num(floors[0] * 100)} to ${fmt.num(floors.at(-1) * 100)} %</span>` : "noise floor not known"}</a>`;
}

function Verdicts() {
  const list = useGet("/comparisons?limit=50", onComparisons), prs = useGet("/prs?limit=20", onPrs);
  const all = (list.data?.comparisons ?? []).toSorted((a, b) => (a.kind === "aa") - (b.kind === "aa")).slice(0, 6), open = prs.data?.prs.filter((p) => p.state === "open" || p.state === "unknown").slice(0, 8);
  return html`<${Section} id="verdicts" title="Latest verdicts" note=${html`<${Floor} />`} actions=${html`<a href="/comparisons">all comparisons</a>`}>
      ${list.data === undefined && !list.error ? html`<${Loading} rows=${3} />` : all.length ? html`<ul class="verdicts">${all.map((c) => html`<${Verdict} key=${c.id} of=${c} />`)}</ul>` : html`<${Empty} title="Nothing was compared yet. In a checkout, before against after:" cmd=${EXAMPLE} />`}<//>
    <${Section} id="prs" title="Open pull requests" actions=${html`<a href="/prs">all of them</a>`}>${open?.length ? html`<ul class="verdicts">${open.map((p) => html`<${OpenPr} key=${p.id} of=${p} />`)}</ul>` : prs.data || prs.error ? noPrs : html`<${Loading} rows=${2} />`}<//>`;
}

export function Overview() {
  const queue = useGet("/queue", onQueue);
  const gpus = useGet("/gpus", (name) => name === "gpu" || name === "job" || undefined);
  const newest = useGet("/jobs?limit=8", (name, d, now) => {
    if (name !== "job" || !now) return undefined;
    const i = now.jobs.findIndex((j) => j.id === d.id);
    return i < 0 ? { ...now, jobs: [d, ...now.jobs].sort((a, b) => b.id - a.id).slice(0, 8) } : { ...now, jobs: now.jobs.with(i, d) };
  });
  const q = queue.data;
  return html`<${Head} title="Overview" sub=${html`<${Since} />`}><a class="button primary" href="/recipes">New job</a><//>
    <div class="tiles">${q && html`<a class="tile" href="/queue"><b class="num">${fmt.count(q.running.length)}</b><span>running</span></a><a class="tile" href="/queue"><b class="num">${q.queued.length >= 1000 ? "1000+" : fmt.count(q.queued.length)}</b><span>waiting</span></a>
      ${q.paused && html`<span class="tile"><${Flag}>paused<//></span>`}<div class="tile wide2"><${Capacity} queue=${q} /></div>`}</div>
    ${gpus.data?.gpus.length > 0 && html`<${Section} id="cards" title="GPUs" actions=${html`<a href="/gpus">all of them</a>`}><${GpuStrip} gpus=${gpus.data.gpus} /><//>`}
    <${Verdicts} />
    <${Section} id="newest" title="Newest jobs" actions=${html`<a href="/jobs">all jobs</a>`}><${Fetched} of=${newest} what="jobs">${(d) => (d.jobs.length ? html`<${JobTable} jobs=${d.jobs} label="newest jobs" />`
      : html`<${Empty} title="No job yet. The first one, from a terminal:" cmd=${[`curl ${location.origin}/jobs -d recipe=env-check`, "cail run -- make -j4"]} />`)}<//><//>`;
}
