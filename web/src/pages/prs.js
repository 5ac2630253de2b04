import { html, useEffect, useState } from "../dom.js";
import { getText, useGet } from "../api.js";
import { raw } from "../door.js";
import * as fmt from "../fmt.js";
import { JobTable } from "../jobs.js";
import { Markdown } from "../markdown.js";
import { setQuery, useAddress } from "../route.js";
import { Ago, Copy, Empty, Facts, Fetched, Filter, Flag, Head, Loading, matcher, Section, Table, Trouble } from "../ui.js";
import { ComparisonTable } from "./comparisons.js";

/** For useGet: those that changed, and topics by their checks. */
export const onPrs = (name, d) => name === "pr" || name === "topic" || (name === "job" && d.pr !== null) || undefined;

const TONE = { open: "good", merged: "plain", closed: "plain", unknown: "plain" };
const Out = ({ to, children }) => (/^https?:\/\//.test(to ?? "") ? html`<a href=${raw(to)} target="_blank" rel="noreferrer noopener">${children}</a>` : html`<span>${children}</span>`);
export const PrState = ({ of }) => html`<${Flag} tone=${TONE[of] ?? "plain"}>${of}<//>`;

export const PrTable = ({ prs }) => html`<${Table} label="pull requests" heads=${["pull request", "state", "title", "upstream", "#changed"]}>
  ${prs.map((p) => html`<tr key=${p.id} data-row=${p.id}><td><a href=${`/prs/${p.id}`}>${p.pr}</a></td><td><${PrState} of=${p.state} /></td><td class="wrap">${p.title} <span class="quiet">${p.note}</span></td><td>${p.upstream}</td><td class="n quiet"><${Ago} at=${p.updated_at} /></td></tr>`)}<//>`;
export const noPrs = html`<${Empty} title="No pull request is known. Name one, and what is run for it gathers here:" cmd=${["cail pr add llvm#123456", `curl ${location.origin}/prs --json '{"url": "llvm#123456"}'`]} />`;

export function Prs() {
  const list = useGet("/prs?limit=500", onPrs);
  const filter = useAddress().query.get("filter") ?? "", fits = matcher(filter);
  return html`<${Head} title="Pull requests"><${Filter} value=${filter} onInput=${(v) => setQuery({ filter: v })} /><//>
    <${Fetched} of=${list} what="pull requests" missing=${noPrs}>${(d) => (d.prs.length ? html`<${PrTable} prs=${d.prs.filter((p) => fits(`${p.pr} ${p.title} ${p.state} ${p.author} ${p.note}`))} />` : noPrs)}<//>`;
}

export function Pr({ id }) {
  const pr = useGet(`/prs/${id}`, (name, d) => name === "comparison" || name === "job" || (name === "pr" && d.id === id) || undefined);
  const [text, set] = useState(), [error, fail] = useState();
  useEffect(() => { getText(`/prs/${id}/report`).then(set, fail); }, [id, pr.data]);
  return html`<${Fetched} of=${pr} what="the pull request" missing=${html`<${Head} title=${`Pull request ${id}`} /><p>There is no such pull request. <a href="/prs">All of them</a></p>`}>${(d) => html`
    <${Head} title=${d.title ?? d.pr} sub=${html`<${Out} to=${d.url}>${d.pr}<//> <${PrState} of=${d.state} />`} />
    <${Facts} of=${[["upstream", d.upstream], ["author", d.author], ["head", d.head_sha && html`<code>${d.head_sha.slice(0, 12)}</code>`], ["base", d.base_ref], ["note", d.note], ["state as of", d.fetched_at && html`<${Ago} at=${d.fetched_at} />`], ["topics", d.topics?.length > 0 && d.topics.map((t) => t.name).join(", ")]]} />
    ${d.comparisons?.length > 0 && html`<${Section} id="comparisons" title="Comparisons"><${ComparisonTable} all=${d.comparisons} /><//>`}
    <${Section} id="jobs" title="Jobs" actions=${d.more_jobs && html`<a href=${`/jobs?pr=${encodeURIComponent(raw(d.url))}`}>all of them</a>`}>${d.jobs.length ? html`<${JobTable} jobs=${d.jobs} label="its jobs" />` : html`<${Empty} title="Nothing was run for it yet:" cmd=${`cail compare --pr ${d.pr}`} />`}<//>
    <${Section} id="report" title="Write-up" actions=${text && html`<${Copy} text=${() => text} label="copy as Markdown" />`}><${Trouble} error=${error} />${text === undefined ? !error && html`<${Loading} />` : html`<div class="report"><${Markdown} text=${text} /></div>`}<//>`}<//>`;
}

export function Topics() {
  const list = useGet("/topics?closed=1", onPrs);
  const none = html`<${Empty} title="No topic is known. One is a branch on its way to an upstream:" cmd="cail topic start llvm my-change" />`;
  return html`<${Head} title="Topics" sub="Branches on their way to an upstream"><a class="button" href="/upstreams">upstreams</a><//><${Fetched} of=${list} what="topics" missing=${none}>${(d) => (d.topics.length ? html`<${Table} label="topics" heads=${["topic", "upstream", "branch", "#ahead", "#behind", "check", "pull request", "#changed"]}>
    ${d.topics.map((t) => html`<tr key=${t.id}><td>${t.name} ${t.closed && html`<${Flag} tone="plain">closed<//>`}</td><td>${t.upstream}</td><td><code>${t.branch}</code></td><td class="n">${t.ahead}</td><td class="n">${t.behind}</td><td>${t.check && html`<a href=${`/jobs/${t.check.job}`}>${t.check.state ?? "job"} ${t.check.job}</a>`}</td>
      <td>${t.pr && html`<${Out} to=${t.pr}>${t.pr.replace("https://", "")}<//>`}</td><td class="n quiet"><${Ago} at=${t.updated_at} /></td></tr>`)}<//>` : none)}<//>`;
}

export function Upstreams() {
  const list = useGet("/upstreams");
  return html`<${Head} title="Upstreams" /><${Fetched} of=${list} what="upstreams">${(d) => html`<${Table} label="upstreams" heads=${["upstream", "what", "branch", "recipes", "clone"]}>
    ${d.upstreams.map((u) => html`<tr key=${u.name}><td><b>${u.name}</b> <span class="quiet">${u.aliases.join(" ")}</span></td><td>${u.title}</td><td>${u.default_branch ?? html`<span class="quiet">${u.branch_hint}?</span>`}</td><td class="wrap targets">${[...new Set(Object.values(u.recipes).flat())].map((r) => html`<a key=${r} href=${`/recipes/${encodeURIComponent(raw(r))}`}>${r}</a> `)}</td>
      <td><code>${u.url}</code> ${u.overridden && html`<${Flag}>overridden<//>`}</td></tr>`)}<//>`}<//>`;
}
