import { html } from "../dom.js";
import { post, useGet } from "../api.js";
import * as fmt from "../fmt.js";
import { Act, Ago, Bar, Empty, Facts, Fetched, Head, Section, State, Table } from "../ui.js";

const short = (sha) => sha?.slice(0, 12);
const change = (ratio) => ratio > 0 && fmt.pct((ratio - 1) * 100);
const Range = ({ of: b }) => html`<code>${short(b.good)}</code> <span class="quiet">to</span> <code>${short(b.bad)}</code>`;
const Found = ({ of: b }) => (b.culprit ? html`<code>${short(b.culprit.sha)}</code> ${b.culprit.subject} <span class="bad num">${change(b.culprit.effect)}</span>`
  : b.state === "running" ? html`<span class="prog"><${Bar} done=${b.commits - b.remaining} total=${b.commits - 1} label=${`bisection ${b.id}`} /> <span class="num quiet">${fmt.plural(b.remaining, "commit")} left, about ${fmt.plural(b.steps_left, "comparison")}</span></span>`
  : html`<span class="quiet">${b.reason}</span>`);

export function Bisections() {
  const list = useGet("/bisections", (name) => name === "bisection" || undefined);
  return html`<${Head} title="Bisections" sub="The search for the commit that made a figure worse" /><${Fetched} of=${list} what="bisections">${(d) => (d.bisections.length ? html`
    <${Table} label="bisections" heads=${["#id", "state", "name", "between", "what it found", "#since"]}>${d.bisections.map((b) => html`<tr key=${b.id} data-row=${b.id}><td class="n"><a href=${`/bisections/${b.id}`}>${b.id}</a></td><td><${State} of=${b.state} /></td><td>${b.name}</td>
      <td><${Range} of=${b} /></td><td class="wrap"><${Found} of=${b} /></td><td class="n quiet"><${Ago} at=${b.finished_at ?? b.created_at} /></td></tr>`)}<//>`
    : html`<${Empty} title="Nothing was searched yet. Between a good commit and a bad one:" cmd="cail bisect v21 main --recipe mlir-opt-bench --benchmark canonicalize --metric wall_time" />`)}<//>`;
}

/** The line of commits, what was measured and how it came out; the range that is left is shaded. */
function Line({ of: b }) {
  const at = (i) => 10 + (i / Math.max(1, b.commits - 1)) * 940, place = new Map([[0, "good"], [b.commits - 1, "bad"]]);
  for (const s of b.steps) place.set(s.at, s.answer);
  const last = Math.max(0, ...[...place].filter(([, a]) => a === "good").map(([i]) => i));
  return html`<svg class="commits" viewBox="0 0 960 40" role="img" aria-label=${`${b.commits} commits, ${b.remaining} left`}><rect x=${at(last)} width=${at(last + b.remaining) - at(last)} y="8" height="24" rx="4"/><line x1="10" x2="950" y1="20" y2="20"/>
    ${[...place].map(([i, a]) => html`<circle key=${i} class=${{ good: "good", bad: "bad" }[a] ?? "warn"} cx=${at(i)} cy="20" r="6"><title>commit ${i}: ${a}</title></circle>`)}</svg>`;
}

export function Bisection({ id }) {
  const one = useGet(`/bisections/${id}`, (name, d) => ((name === "bisection" && d.id === id) || name === "comparison") || undefined);
  return html`<${Fetched} of=${one} what=${`bisection ${id}`} missing=${html`<${Head} title=${`Bisection ${id}`} /><p>There is no bisection ${id}. <a href="/bisections">All of them</a></p>`}>${(b) => html`
    <${Head} title=${b.name} sub=${html`<span class="num quiet">bisection ${id}</span> <${State} of=${b.state} />`}>${b.state === "running" && html`<${Act} danger run=${() => post(`/bisections/${id}/cancel`)}>cancel<//>`}<//>
    <p class=${`verdict ${b.culprit ? "bad" : ""}`}><${Found} of=${b} /></p><${Line} of=${b} />
    ${b.steps.length > 0 && html`<${Section} title="What was compared"><${Table} label="comparisons" heads=${["#comparison", "before", "after", "verdict", "#change", "so it is"]}>${b.steps.map((s) => html`<tr data-row=${s.comparison}><td class="n"><a href=${`/comparisons/${s.comparison}`}>${s.comparison}</a></td><td><code>${short(s.base)}</code></td><td><code>${short(s.head)}</code></td>
      <td>${s.verdict && html`<${State} of=${s.verdict} />`}</td><td class="n">${change(s.effect)}</td><td class="wrap">${s.answer.replaceAll("_", " ")}${s.again && ", once more with more rounds"} <span class="quiet">${s.reason}</span></td></tr>`)}<//><//>`}
    <${Facts} of=${[["recipe", b.recipe], ["benchmark", b.benchmark], ["metric", b.metric], ["commits", b.commits], ["between", html`<${Range} of=${b} />`, "w2"], ["author", b.culprit?.author], ["runs now", b.comparison && html`<a href=${`/comparisons/${b.comparison}`}>comparison ${b.comparison}</a>`], ["pull request", b.pr], ["by", b.user], ["begun", html`<${Ago} at=${b.created_at} />`]]} />`}<//>`;
}
