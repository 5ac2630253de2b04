import { html, useMemo } from "../dom.js";
import { useGet } from "../api.js";
import * as fmt from "../fmt.js";
import { JobTable, onQueue } from "../jobs.js";
import { Ago, Empty, Fetched, Flag, Head, Section, State } from "../ui.js";
import { GpuStrip } from "./gpus.js";
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
    <${Section} id="newest" title="Newest jobs" actions=${html`<a href="/jobs">all jobs</a>`}><${Fetched} of=${newest} what="jobs">${(d) => (d.jobs.length ? html`<${JobTable} jobs=${d.jobs} label="newest jobs" />`
      : html`<${Empty} title="No job yet. The first one, from a terminal:" cmd=${[`curl ${location.origin}/jobs -d recipe=env-check`, "cail run -- make -j4"]} />`)}<//><//>`;
}
