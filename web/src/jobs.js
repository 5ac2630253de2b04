// What several pages show of jobs.
import { html } from "./dom.js";
import { post, useGet } from "./api.js";
import * as fmt from "./fmt.js";
import { Act, Ago, Flag, Progress, Span, State, Table } from "./ui.js";

const WHY_MAX = 3; // asked for each by itself, again at each event

export const ENDED = ["succeeded", "failed", "canceled", "timed_out", "lost", "dep_failed"];
export const isOver = (j) => ENDED.includes(j.state);

export const cancel = (id) => post(`/jobs/${id}/cancel`, {});
export const retry = (id) => post(`/jobs/${id}/retry`, {});
export const hold = (id) => post(`/jobs/${id}/hold`, {});
export const release = (id) => post(`/jobs/${id}/release`, {});

/** What a job is, beside its name. */
export const what = (j) => (j.recipe ? fmt.params(j.params) : j.command ? j.command.join(" ") : j.script ? j.script.replace(/\s+/g, " ").trim() : "");
export const text = (j) => `${j.id} ${j.name} ${j.kind} ${j.state} ${j.recipe ?? ""} ${what(j)} ${j.queue} ${j.submitter.user} ${j.reason ?? ""} ${j.pr ?? ""}`;

export function needs(j) {
  const n = j.needs, out = [];
  out.push(n.cpus === "all" ? "all cpus" : fmt.plural(n.cpus, "cpu"));
  if (n.memory_mib) out.push(fmt.mib(n.memory_mib));
  if (n.gpus) out.push(fmt.plural(n.gpus, "gpu"));
  if (n.gpu_model) out.push(n.gpu_model);
  if (n.exclusive !== "none") out.push(n.exclusive);
  return out.join(" · ");
}

/** One sentence on how it ended or why it does not run. */
export function remark(j) {
  if (j.reason) return j.reason;
  if (j.state === "failed" && j.exit_code) return `exit code ${j.exit_code}`;
  if (j.signal) return `signal ${j.signal}`;
  if (j.state === "dep_failed" && j.blocked_by) return html`because of job <a href=${`/jobs/${j.blocked_by}`}>${j.blocked_by}</a>`;
  if (j.cached) return "from the build cache";
  return "";
}

export function JobActions({ job: j, small }) {
  const over = isOver(j);
  return html`<span class="acts">
    ${j.state === "queued" && html`<${Act} run=${() => hold(j.id)} label=${`hold job ${j.id}`}>hold<//>`}
    ${j.state === "held" && html`<${Act} run=${() => release(j.id)} label=${`release job ${j.id}`}>release<//>`}
    ${!over && html`<${Act} danger run=${() => cancel(j.id)} label=${`cancel job ${j.id}`}>cancel<//>`}
    ${over && !small && html`<${Act} run=${() => retry(j.id)} label=${`run again job ${j.id}`}>run again<//>`}</span>`;
}

/** Its place in the queue; of those that are next, what they wait for. */
function Waits({ id, place }) {
  const why = useGet(place <= WHY_MAX ? `/jobs/${id}/why` : null, (name) => name === "job" || name === "queue" || undefined);
  const text = why.data?.summary ?? (place === 1 ? "next" : `number ${place}`);
  return html`<span class="quiet" title=${text}>${text}</span>`;
}

function Row({ job: j, actions, place }) {
  const over = isOver(j);
  return html`<tr data-row=${j.id}>
    <td class="n id"><a href=${`/jobs/${j.id}`}>${j.id}</a></td>
    <td class="st"><${State} of=${j.state} /></td>
    <td class="main"><a class="name" href=${`/jobs/${j.id}`} tabIndex="-1">${j.name}</a>
      ${j.flags.map((f) => html` <${Flag} key=${f}>${f.replaceAll("_", " ")}<//>`)}
      <span class="what">${what(j)}</span></td>
    <td class="rem">${j.state === "running" && j.progress ? html`<${Progress} job=${j} />` : html`<span class="quiet">${remark(j) || (j.step && j.state === "running" ? j.step.name : "")}</span>`}
      ${place && !j.reason && html`<${Waits} id=${j.id} place=${place} />`}</td>
    <td class="n need quiet">${needs(j)}</td>
    <td class="n">${j.started_at ? html`<${Span} from=${j.started_at} to=${j.finished_at} />` : ""}</td>
    <td class="n quiet age"><${Ago} at=${j.finished_at ?? j.started_at ?? j.created_at} /></td>
    ${actions && html`<td class="n act"><${JobActions} job=${j} small /></td>`}</tr>`;
}

export function JobTable({ jobs, actions, places, label }) {
  return html`<${Table} label=${label} class="jobs" heads=${["#id", "state", "name", places ? "why it waits" : "how it goes", "#needs", "#time", "#since", actions && html`<th><span class="sr">actions</span></th>`]}>
    ${jobs.map((j, i) => html`<${Row} key=${j.id} job=${j} actions=${actions} place=${places && i + 1} />`)}<//>`;
}

/** Put a job where it belongs in the document of GET /queue. */
export function placed(queue, j) {
  const out = { ...queue };
  for (const k of ["running", "queued", "held"]) {
    const i = queue[k].findIndex((o) => o.id === j.id);
    if (k === j.state) {
      out[k] = i >= 0 ? queue[k].with(i, j) : [...queue[k], j];
      if (i < 0 && k === "queued") out[k].sort((a, b) => b.priority - a.priority || a.id - b.id);
    } else if (i >= 0) out[k] = queue[k].toSpliced(i, 1);
  }
  return out;
}

/** Progress of an attempt into a list of jobs; undefined = none of them. */
export function progressed(jobs, e) {
  const i = jobs.findIndex((j) => j.id === e.job);
  return i < 0 ? undefined : jobs.with(i, { ...jobs[i], progress: e.progress });
}

/** For useGet("/queue"): what live events change in it. */
export function onQueue(name, d, now, soon) {
  if (!now) return undefined;
  if (name === "job") { soon(); return placed(now, d); }
  if (name === "attempt") {
    const running = progressed(now.running, d);
    return running && { ...now, running };
  }
  return name === "queue" || name === "gpu" ? true : undefined;
}
