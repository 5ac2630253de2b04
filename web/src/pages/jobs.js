import { html } from "../dom.js";
import { post, useGet } from "../api.js";
import { vis } from "../door.js";
import * as fmt from "../fmt.js";
import { isOver, JobTable, progressed } from "../jobs.js";
import { setQuery, useAddress } from "../route.js";
import { Act, Bar, Empty, Fetched, Filter, Flag, Head, Section, State, useSome } from "../ui.js";

const STATES = ["held", "queued", "running", "succeeded", "failed", "canceled", "timed_out", "lost", "dep_failed"];
const ASKED = ["state", "kind", "recipe", "label", "pr", "user", "group", "q", "since", "queue", "cursor"];

const onList = (key) => (name, d, now) => {
  if (!now) return undefined;
  if (name === "job") {
    const i = now[key].findIndex((j) => j.id === d.id);
    return i < 0 ? true : { ...now, [key]: now[key].with(i, d) };
  }
  if (name === "attempt") {
    const jobs = progressed(now[key], d);
    return jobs && { ...now, [key]: jobs };
  }
  return undefined;
};

function Pick({ name, all, now }) {
  return html`<label class="pick">${name} <select value=${now} onChange=${(e) => setQuery({ [name]: e.target.value, cursor: null })}>
    <option value="">any</option>${all.map((s) => html`<option key=${s} value=${s}>${s.replaceAll("_", " ")}</option>`)}</select></label>`;
}

export function Jobs() {
  const { query } = useAddress();
  const q = new URLSearchParams();
  for (const k of ASKED) if (query.get(k)) q.set(k, query.get(k));
  const list = useGet(`/jobs?limit=100${q.size ? `&${q}` : ""}`, query.get("cursor") ? undefined : onList("jobs"));
  const extra = ["recipe", "label", "pr", "user", "group", "since", "queue"].filter((k) => query.get(k));
  return html`<${Head} title="Jobs"><${Filter} value=${query.get("q") ?? ""} onInput=${(v) => setQuery({ q: v, cursor: null })} label="part of the name" />
      <${Pick} name="state" all=${STATES} now=${query.get("state") ?? ""} /><${Pick} name="kind" all=${["build", "benchmark", "check", "service"]} now=${query.get("kind") ?? ""} /><//>
    ${extra.length > 0 && html`<p class="chips">${extra.map((k) => html`<button key=${k} type="button" class="chip" onClick=${() => setQuery({ [k]: null, cursor: null })}
      title="remove this filter">${k}: ${vis(query.get(k))} ×</button>`)}</p>`}
    <${Fetched} of=${list} what="jobs" rows=${12}>${(d) => (d.jobs.length ? html`<${JobTable} jobs=${d.jobs} label="jobs" />
      <p class="more">${query.get("cursor") && html`<a class="button" href="/jobs">newest</a>`}
        ${d.next_cursor && html`<button type="button" onClick=${() => { setQuery({ cursor: d.next_cursor }); scrollTo(0, 0); }}>older</button>`}</p>`
      : html`<${Empty} title=${q.size ? "No job fits." : "No job yet. The first one, from a terminal:"} cmd=${q.size ? null : `curl ${location.origin}/jobs -d recipe=env-check`} />`)}<//>`;
}

export function Group({ id }) {
  const g = useGet(`/groups/${id}`, (name, d, now, soon) => {
    if (name === "job" && d.group === id) soon();
    return onList("jobs")(name, d.group === id || d.job ? d : { id: -1 }, now) || undefined;
  });
  const [some, rest] = useSome(g.data?.jobs ?? []);
  return html`<${Fetched} of=${g} what="the group">${(d) => html`
    <${Head} title=${`Group ${d.id}`} sub=${html`<${State} of=${d.state} /> ${d.name}`}>
      ${d.jobs.some((j) => isOver(j) && j.state !== "succeeded") && html`<${Act} run=${() => post(`/groups/${id}/retry`, { only: "failed" })}>run failed ones again<//>`}
      ${!d.finished_at && html`<${Act} danger run=${() => post(`/groups/${id}/cancel`, {})}>cancel all<//>`}<//>
    <p><${Bar} done=${d.progress.done} total=${d.progress.total} label="jobs done" /> <span class="num">${d.progress.done} of ${fmt.plural(d.progress.total, "job")}</span>
      ${Object.entries(d.counts).filter(([, n]) => n).map(([k, n]) => html` <${Flag} key=${k} tone="plain">${n} ${k.replaceAll("_", " ")}<//>`)}</p>
    <${Section} title="Jobs" id="jobs"><${JobTable} jobs=${some} label="jobs of the group" />${rest}<//>`}<//>`;
}
