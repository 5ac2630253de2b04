import { html, useMemo } from "../dom.js";
import { getText, post, useGet } from "../api.js";
import { Axis, Interval, inWords, Pairs, reach, worst } from "../compare.js";
import { raw } from "../door.js";
import * as fmt from "../fmt.js";
import { setQuery, useAddress } from "../route.js";
import { Act, Ago, Bar, Copy, Empty, Facts, Fetched, Filter, Flag, Head, matcher, Section, Sort, State, Table, tone, useSome, word } from "../ui.js";

export const EXAMPLE = ["cail compare main HEAD --recipe mlir-opt-bench --rounds 10",
  `curl ${location.origin}/comparisons --json '{"recipe": "mlir-opt-bench", "base": {"ref": "main"}, "head": {"ref": "pull/123456"}}'`];
// A side that has parameters alone is called by them, as JSON.
const label = (s) => {
  try { return s.label[0] === "{" ? fmt.params(JSON.parse(s.label)) : s.label; } catch { return s?.label ?? s?.sha?.slice(0, 12) ?? "?"; }
};
const Sides = ({ of: c }) => c.base && html`<span class="sides">${label(c.base)} <span class="quiet">→</span> ${label(c.head)}</span>`;
const isLive = (c) => ["preparing", "measuring", "judging"].includes(c.state);
const stateOf = (c) => (isLive(c) ? c.state : c.verdict ?? c.state);
const Result = ({ of: c }) => html`<${State} of=${stateOf(c)} />`;
export const onComparisons = (name, d, now) => {
  if (name !== "comparison" || !now) return undefined;
  const i = now.comparisons.findIndex((c) => c.id === d.id);
  return i < 0 ? true : { ...now, comparisons: now.comparisons.with(i, { ...now.comparisons[i], ...d }) };
};

const Progress = ({ of: c }) => (isLive(c) && c.progress ? html`<span class="prog"><${Bar} done=${c.progress.round ?? 0} total=${c.progress.rounds ?? c.rounds ?? 1} label=${`rounds of comparison ${c.id}`} /> <span class="num quiet">${c.progress.text || `round ${c.progress.round} of ${c.progress.rounds}`}${c.progress.eta_s ? `, ${fmt.clock(c.progress.eta_s * 1000)} left` : ""}</span></span>`
  : html`<span class="quiet">${c.reason}</span>`);

export function ComparisonTable({ all }) {
  return html`<${Table} label="comparisons" class="comps" heads=${["#id", "verdict", "name", "before → after", "how it goes", "#since"]}>
    ${all.map((c) => html`<tr key=${c.id} data-row=${c.id}><td class="n"><a href=${`/comparisons/${c.id}`}>${c.id}</a></td><td><${Result} of=${c} /></td><td>${c.name ?? c.recipe} ${c.kind !== "paired" && html`<${Flag} tone="plain">${c.kind === "aa" ? "against itself" : c.kind}<//>`}</td><td class="wrap"><${Sides} of=${c} /></td>
      <td class="wrap"><${Progress} of=${c} /></td><td class="n quiet"><${Ago} at=${c.finished_at ?? c.created_at} /></td></tr>`)}<//>`;
}

export function Comparisons() {
  const list = useGet("/comparisons?limit=200", onComparisons);
  const filter = useAddress().query.get("filter") ?? "", fits = matcher(filter);
  const empty = html`<${Empty} title="Nothing was compared yet. In a checkout, before against after:" cmd=${EXAMPLE} />`;
  return html`<${Head} title="Comparisons"><a class="button" href="/noise">noise</a><a class="button" href="/bisections">bisections</a><${Filter} value=${filter} onInput=${(v) => setQuery({ filter: v })} label="filter" /><//>
    <${Fetched} of=${list} what="comparisons" missing=${empty}>${(d) => (d.comparisons.length ? html`<${ComparisonTable} all=${d.comparisons.filter((c) => fits(`${c.id} ${c.name} ${c.recipe} ${c.verdict} ${c.state} ${label(c.base)} ${label(c.head)} ${c.pr ?? ""}`))} />` : empty)}<//>`;
}

const key = (r) => `${r.benchmark} ${fmt.params(r.params)} ${r.metric}`;
const SORTS = { benchmark: key, metric: (r) => r.metric, base: (r) => r.base.median, head: (r) => r.head.median, change: (r) => Math.log(r.effect > 0 ? r.effect : 1), p: (r) => r.p_holm ?? 2, verdict: (r) => r.verdict };

function Row({ row: r, far, open }) {
  const id = key(r);
  return html`<tr data-row=${id} class=${open ? "open" : ""}><td class="wrap"><button type="button" class="more-of" aria-expanded=${open} onClick=${() => setQuery({ row: open ? "-" : raw(id) })}>${open ? "▾" : "▸"} ${r.benchmark}</button> <span class="quiet">${fmt.params(r.params)}</span></td>
    <td>${r.metric}</td><td class="n">${fmt.num(r.base.median)}</td><td class="n">${fmt.num(r.head.median)}</td><td class="unit">${r.unit}</td><td class=${`n ${tone(r.verdict)}`}>${r.effect > 0 ? fmt.pct((r.effect - 1) * 100) : "–"}</td>
    <td><${Interval} row=${r} far=${far} /></td><td class="n quiet">${r.p_holm === null || r.p_holm === undefined ? "–" : r.p_holm < 0.0001 ? "<0.0001" : r.p_holm.toFixed(4)}</td><td class="n quiet">${r.n}</td>
    <td><${State} of=${r.verdict} />${r.flags?.filter((f) => f !== "floor_unknown" || r.verdict === "regression").map((f) => html` <${Flag} key=${f} tone=${f === "confirmed" ? "plain" : "warn"}>${f.replaceAll("_", " ")}<//>`)}</td></tr>
    ${open && html`<tr class="inner"><td colSpan="10"><${Pairs} row=${r} /><p class="quiet">${inWords(r)}; a change under ${fmt.num((r.min_effect ?? 0) * 100)} % does not matter${r.floor !== null && r.floor !== undefined ? `, noise of this machine ${fmt.num(r.floor * 100)} %` : ", the noise of this machine is not known"}${r.rounds_needed ? `; ${r.rounds_needed} rounds would settle it` : ""}.</p></td></tr>`}`;
}

const onlyShown = (r) => r.flags?.includes("shown_only");

function Rows({ of: c }) {
  const { query } = useAddress(), extra = c.rows.filter(onlyShown).length, shown = query.get("shown") === "1" || extra === c.rows.length;
  const rows0 = useMemo(() => (shown ? c.rows : c.rows.filter((r) => !onlyShown(r))), [c.rows, shown]);
  const filter = query.get("filter") ?? "", verdict = query.get("verdict") ?? "", sort = query.get("sort") ?? "", asked = query.get("row");
  const main = useMemo(() => worst(c.rows), [c.rows]);
  const rows = useMemo(() => {
    const fits = matcher(filter), by = SORTS[sort.replace("-", "")], sign = sort.startsWith("-") ? -1 : 1;
    const list = rows0.filter((r) => (!verdict || r.verdict === verdict) && fits(`${key(r)} ${r.unit} ${r.verdict} ${r.flags?.join(" ")}`));
    return by ? list.sort((a, b) => { const x = by(a), y = by(b); return sign * (typeof x === "number" ? x - y : String(x).localeCompare(String(y))); }) : list;
  }, [rows0, filter, verdict, sort]);
  const far = reach(rows0), kinds = [...new Set(rows0.map((r) => r.verdict))];
  const [some, more] = useSome(rows, 200);
  const H = (by, text = by, num) => html`<${Sort} by=${by} sort=${sort} onSort=${(s) => setQuery({ sort: s })} num=${num}>${text}<//>`;
  return html`<div class="line"><span class="chips2">${kinds.map((k) => html`<button key=${k} type="button" class="chip" aria-pressed=${verdict === k} onClick=${() => setQuery({ verdict: verdict === k ? null : k })}><${State} of=${k} /> <span class="count">${rows0.filter((r) => r.verdict === k).length}</span></button>`)}
      ${extra > 0 && html`<button type="button" class="chip" aria-pressed=${shown} onClick=${() => setQuery({ shown: shown ? null : "1" })}>${extra} that gate nothing</button>`}</span>
      <${Filter} value=${filter} onInput=${(v) => setQuery({ filter: v })} label="filter rows" /></div>
    <${Table} label="figures" class="rows" heads=${[H("benchmark"), H("metric"), H("base", "before", 1), H("head", "after", 1), "unit", H("change", "change", 1), html`<th><span class="sr">interval</span><${Axis} far=${far} /></th>`, H("p", "p", 1), "#n", H("verdict")]}>
      ${some.map((r) => html`<${Row} key=${key(r)} row=${r} far=${far} open=${asked === null ? r === main : raw(key(r)) === asked} />`)}<//>${more}`;
}

const Diff = ({ text }) => html`<pre tabIndex="0" class="diff">${text.split("\n").map((l) => html`<span class=${l[0] === "+" ? "good" : l[0] === "-" ? "bad" : l[0] === "@" ? "quiet" : ""}>${l}${"\n"}</span>`)}</pre>`;

function Summary({ of: c }) {
  const own = (c.rows ?? []).filter((r) => !onlyShown(r)), n = (v, of = own) => of.filter((r) => r.verdict === v).length, bad = n("regression"), good = n("improvement"), broken = n("new_failure", c.checks ?? []), w = worst(own);
  const parts = [broken && `${fmt.plural(broken, "check")} failed anew`, bad && `${fmt.plural(bad, "figure")} got worse`, good && `${fmt.plural(good, "figure")} got better`, n("inconclusive") && `${n("inconclusive")} cannot be told`].filter(Boolean).join(", ");
  const said = parts || (own.length > 0 && !c.reason ? "nothing changed that matters" : "");
  return html`<p class=${`verdict ${tone(stateOf(c))}`}><${State} of=${stateOf(c)} /> ${isLive(c) && c.verdict && html`<span>so far ${word(c.verdict)};</span>`} <span>${said}${said && own.length > 0 && `, of ${own.length}`}</span> ${c.reason && html`<span>${c.reason}</span>`}
    ${w?.effect > 0 && ["regression", "improvement"].includes(w.verdict) && html`<span class="quiet">most: ${w.benchmark} ${w.metric} ${inWords(w)}</span>`}</p>`;
}

/** What could not be had; the reason stands above already. */
function Missing({ of: c }) {
  const all = c.missing?.filter((m) => m !== c.reason) ?? [];
  return all.length > 0 && html`<${Section} id="missing" title="What is missing"><ul>${all.map((m) => html`<li key=${m}>${m}</li>`)}</ul><//>`;
}

export function Comparison({ id }) {
  const c = useGet(`/comparisons/${id}`, (name, d, now, soon) => {
    if (name !== "comparison" || d.id !== id || !now) return undefined;
    soon();
    return { ...now, ...d, rows: d.rows ?? now.rows };
  });
  const report = () => getText(`/comparisons/${id}/report`);
  const job = (n, text) => n && html`<a href=${`/jobs/${n}`}>${text} ${n}</a> `;
  return html`<${Fetched} of=${c} what=${`comparison ${id}`} rows=${12} missing=${html`<${Head} title=${`Comparison ${id}`} /><p>There is no comparison ${id}. <a href="/comparisons">All of them</a></p>`}>${(d) => html`
    <${Head} title=${d.name ?? `${d.recipe ?? "comparison"} ${d.id}`} sub=${html`<span class="num quiet">comparison ${d.id}</span> <${Sides} of=${d} />`}><${Copy} text=${report} label="copy as Markdown" />
      ${isLive(d) && html`<${Act} danger run=${() => post(`/comparisons/${id}/cancel`, {})}>cancel<//>`}<//>
    <${Summary} of=${d} />${isLive(d) && html`<div class="progline"><${Progress} of=${d} /></div>`}
    ${d.checks?.length > 0 && html`<${Section} id="checks" title="Checks" note=${fmt.plural(d.checks.length, "check")}><${Table} label="checks" heads=${["check", "verdict", "before", "after"]}>${d.checks.map((k, i) => html`<tr key=${i}><td class="wrap">${k.benchmark} <span class="quiet">${fmt.params(k.params)}</span></td><td><${State} of=${k.verdict} /></td><td>${k.base ?? "not there"}</td><td>${k.head ?? "not there"}</td></tr>`)}<//><//>`}
    ${d.rows?.length > 0 && html`<${Section} id="rows" title="Figures" note="a bar is the interval of the change, the grey band what does not matter"><${Rows} of=${d} /><//>`}
    <${Missing} of=${d} />
    ${d.diffs?.length > 0 && html`<${Section} id="diffs" title="What the two made"><div>${d.diffs.map((x) => html`<details key=${x.name} open=${d.diffs.length === 1}><summary>${x.name} ${x.base_sha256 === x.head_sha256 ? "the same" : "differs"}</summary>${x.text && html`<${Diff} text=${x.text} />`}</details>`)}</div><//>`}
    <${Facts} of=${[["recipe", d.recipe && html`<a href=${`/recipes/${encodeURIComponent(raw(d.recipe))}`}>${d.recipe}</a>`], ["kind", { aa: "against itself" }[d.kind] ?? d.kind], ["rounds", d.rounds], ["chance of a false alarm", d.alpha && `${fmt.num(d.alpha * 100)} %`], ["before", html`<code>${d.base?.sha?.slice(0, 12) ?? label(d.base)}</code> <span class="quiet">${fmt.params(d.base?.params)}</span>`, "w2"],
      ["after", html`<code>${d.head?.sha?.slice(0, 12) ?? label(d.head)}</code> <span class="quiet">${fmt.params(d.head?.params)}</span>`, "w2"], ["jobs", d.jobs && html`<span class="targets">${job(d.jobs.base, "before")}${job(d.jobs.head, "after")}${job(d.jobs.measure, "measuring")}</span>`], ["pull request", d.pr], ["machine", d.fingerprint && html`<code>${String(d.fingerprint).slice(0, 16)}</code>`], ["flags", d.flags?.length > 0 && d.flags.map((f) => html`<${Flag} key=${f}>${f.replaceAll("_", " ")}<//> `)],
      ["exit code", d.exit_code], ["finished", d.finished_at && html`<${Ago} at=${d.finished_at} />`]]} />`}<//>`;
}
