import { html, useEffect, useMemo, useRef, useState } from "../dom.js";
import { useGet } from "../api.js";
import { raw } from "../door.js";
import * as fmt from "../fmt.js";
import { color, marks, Plot, thin } from "../plot.js";
import { go, setQuery, useAddress } from "../route.js";
import { Ago, Empty, Facts, Fetched, Filter, Flag, Head, Section, Spark, State, Strip, Table } from "../ui.js";
import { machine } from "./noise.js";

const to = (s) => `/benchmarks/${fmt.path(raw(s.benchmark))}?series=${s.series}`;
const change = (c) => fmt.pct((c.ratio - 1) * 100);
const short = (p) => p.commit?.slice(0, 10) ?? `job ${p.job}`;

/** For useGet: something was measured. */
const measured = (name, d) => (name === "job" && d.state === "succeeded" && d.kind === "benchmark") || undefined;

function Changes() {
  const list = useGet("/results/changes?limit=6", measured);
  if (!list.data?.changes.length) return "";
  return html`<${Section} id="changes" title="Newest changes"><${Table} label="changes">${list.data.changes.map((c) => html`<tr key=${c.id}><td><${State} of=${c.effect} /></td><td class="n">${change(c)}</td>
    <td class="wrap"><a href=${to(c)}>${c.benchmark}</a> <span class="quiet">${fmt.params(c.params)}</span></td><td>${c.metric}</td><td><code>${short(c.after)}</code> <span class="quiet">${c.after.subject ?? ""}</span></td><td>${c.tentative && html`<${Flag}>tentative<//>`}</td><td class="n quiet"><${Ago} at=${c.after.at} /></td></tr>`)}<//><//>`;
}

export function Benchmarks() {
  const { query } = useAddress(), q = query.get("q") ?? "", cursor = query.get("cursor") ?? "";
  const list = useGet(`/benchmarks?limit=200${q && `&q=${encodeURIComponent(q)}`}${cursor && `&cursor=${cursor}`}`, measured);
  const none = html`<${Empty} title=${q ? "No series fits." : "Nothing was measured yet. A recipe that measures:"} cmd=${q ? null : "cail run mlir-opt-bench -p rounds=10"} />`;
  return html`<${Head} title="Benchmarks"><${Filter} value=${q} onInput=${(v) => setQuery({ q: v, cursor: null })} label="part of a name" /><//>${!q && !cursor && html`<${Changes} />`}
    <${Fetched} of=${list} what="benchmarks" rows=${12} missing=${none}>${(d) => (d.benchmarks.length ? html`<${Section} id="series" title="Series"><${Table} label="series" class="series" heads=${["benchmark", "metric", "#last", "unit", "newest runs", "#runs", "recipe", "#since"]}>
      ${d.benchmarks.map((s) => html`<tr key=${s.series} data-row=${s.series}><td class="wrap"><a href=${to(s)}>${s.benchmark}</a> <span class="quiet">${fmt.params(s.params)}</span></td><td>${s.metric}</td><td class="n">${fmt.num(s.last_value)}</td><td class="unit">${s.unit}</td><td><${Spark} values=${s.spark} /></td><td class="n quiet">${fmt.count(s.points)}</td><td class="quiet">${s.recipe}</td><td class="n quiet"><${Ago} at=${s.last_at} /></td></tr>`)}<//>
      ${d.next_cursor && html`<p class="more"><button type="button" onClick=${() => setQuery({ cursor: d.next_cursor })}>more</button></p>`}<//>` : none)}<//>`;
}

/** Values over commits: each with the range of its samples, the level of each segment, what happened. */
function History({ of: s, log }) {
  const [at, hover] = useState(null);
  const jump = useRef();
  const pts = s.points;
  jump.current = at;
  const data = useMemo(() => [pts.map((_, i) => i), pts.map((p) => p.hi), pts.map((p) => p.lo), pts.map((p) => p.value)], [s]);
  useEffect(() => hover(null), [s]);
  const make = () => {
    const line = color("--line1"), ink = color("--ink2"), bad = color("--bad"), good = color("--good");
    const ticks = [...s.changes.map((c) => [c.after.index - 0.5, c.effect === "regression" ? bad : c.effect === "improvement" ? good : ink, change(c)]), ...s.releases.map((r) => [r.index, ink, r.name]), ...s.annotations.map((a) => [a.index, line, a.text.slice(0, 24)]), ...s.baselines.map((b) => [b.index, ink, b.name])];
    return { data, opts: { height: 340, cursor: { drag: { x: true, y: false }, points: { show: false } }, scales: { x: { time: false }, y: { distr: log && pts.every((p) => !(p.lo <= 0)) ? 3 : 1 } },
      bands: [{ series: [1, 2], fill: thin(line, 0.18) }], series: [{}, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } }, { stroke: line, width: 1, points: { show: pts.length < 200, size: 5, fill: line } }],
      axes: [{ values: (u, v) => v.map((i) => (Number.isInteger(i) && pts[i] ? short(pts[i]) : "")), space: 90 }, { size: 64, values: (u, v) => v.map((x) => (x === null ? "" : fmt.num(x))) }],
      plugins: [marks([], ticks, s.segments.map((g) => [g.from, g.to, g.median, ink]))], hooks: { setCursor: [(u) => hover(u.cursor.idx ?? null)], ready: [(u) => u.over.addEventListener("click", () => jump.current !== null && !u.select.width && go(`/jobs/${pts[jump.current].job}`))] } } };
  };
  const p = pts[at ?? pts.length - 1];
  return html`<${Plot} label=${`${s.benchmark} ${s.metric} over ${pts.length} points`} deps=${[s, log]} make=${make} />
    <p class="reading"><span class="num"><b>${fmt.num(p.value)}</b> ${s.unit}</span> <span class="num quiet">${fmt.num(p.lo)} to ${fmt.num(p.hi)}, ${p.n} samples${p.runs > 1 ? ` of ${p.runs} runs` : ""}</span> <a href=${`/jobs/${p.job}`}>job ${p.job}</a> ${p.commit && html`<code>${p.commit.slice(0, 12)}</code>`} <span>${p.subject}</span> <span class="quiet">${p.author}</span>
      ${p.tainted && html`<${Flag}>tainted<//>`} <span class="quiet"><${Ago} at=${p.committed_at ?? p.at} /></span></p>`;
}

function One({ of: s }) {
  const log = useAddress().query.get("log") === "1", last = s.points.at(-1);
  if (!s.points.length) return html`<p class="none">No point with a value.</p>`;
  return html`<div class="line"><span class="quiet">${s.better === "neutral" ? "neither way is better" : `${s.better} is better`}; in the order of ${{ position: "history", committed_at: "commit times", at: "runs" }[s.ordered_by]}${s.beside > 0 && `, ${fmt.plural(s.beside, "commit")} beside its line not drawn`}; drag zooms, a double click shows all, a click opens the job</span><button type="button" class="small" aria-pressed=${log} onClick=${() => setQuery({ log: log ? null : "1" })}>logarithmic</button></div><${History} of=${s} log=${log} />
    ${last.samples?.length > 1 && html`<p class="line"><span class="quiet">samples of the newest</span> <${Strip} samples=${last.samples} width=${420} height=${34} /> <span class="num quiet">${fmt.num(last.lo)} to ${fmt.num(last.hi)} ${s.unit}</span></p>`}
    ${s.changes.length > 0 && html`<${Section} id="steps" title="Changes"><${Table} label="changes" heads=${["effect", "#change", "#at least", "#at most", "#before", "#after", "unit", "commit", "#job", "state"]}>
      ${[...s.changes].reverse().map((c) => html`<tr key=${c.id}><td><${State} of=${c.effect} />${c.tentative && html` <${Flag}>tentative<//>`}</td><td class="n">${change(c)}</td><td class="n quiet">${fmt.pct((c.ratio_low - 1) * 100)}</td><td class="n quiet">${fmt.pct((c.ratio_high - 1) * 100)}</td><td class="n">${fmt.num(c.from_value)}</td><td class="n">${fmt.num(c.to_value)}</td><td class="unit">${s.unit}</td>
        <td class="wrap"><code>${short(c.after)}</code> ${c.after.subject}</td><td class="n"><a href=${`/jobs/${c.after.job}`}>${c.after.job}</a></td><td class="quiet">${c.state} ${c.note}</td></tr>`)}<//><//>`}
    <${Facts} of=${[["recipe", s.recipe && html`<a href=${`/recipes/${encodeURIComponent(raw(s.recipe))}`}>${s.recipe}</a>`], ["points", s.points.length], ["machine", machine(s.machine)], ["fingerprint", html`<code>${s.fingerprint}</code>`], ["drift in 90 days", s.drift?.drifts && fmt.pct(s.drift.change_in_90_days * 100)]]} />`;
}

export function Series({ name }) {
  const { query } = useAddress(), one = query.get("series"), metric = query.get("metric");
  const all = useGet(`/results?benchmark=${encodeURIComponent(raw(name))}${metric ? `&metric=${encodeURIComponent(metric)}` : ""}&samples=1&max_series=40`, measured);
  return html`<${Fetched} of=${all} what="the series" rows=${12}>${(d) => {
    const s = d.series.find((x) => x.series === one) ?? d.series[0];
    if (!s) return html`<${Head} title=${name} /><p>Nothing of that name was measured. <a href="/benchmarks">All benchmarks</a></p>`;
    return html`<${Head} title=${s.benchmark} sub=${html`${s.metric} <span class="quiet">${fmt.params(s.params)}</span>`}>${d.series.length > 1 && html`<label class="pick">series <select value=${s.series} onChange=${(e) => setQuery({ series: e.target.value })}>
      ${d.series.map((x) => html`<option key=${x.series} value=${x.series}>${x.metric} ${fmt.params(x.params)} ${machine(x.machine)}</option>`)}</select></label>`}<//><${One} key=${s.series} of=${s} />`;
  }}<//>`;
}
