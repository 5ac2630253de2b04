import { html } from "../dom.js";
import { useGet } from "../api.js";
import { raw } from "../door.js";
import * as fmt from "../fmt.js";
import { Ago, Empty, Fetched, Flag, Head, Section, Strip, Table, useSome } from "../ui.js";

const percent = (v) => (v === null ? "–" : `${(v * 100).toFixed(2)} %`);
/** What a fingerprint stands for, in a few words: the cards, else the processor. */
export const machine = (m) => m?.gpus?.map((g) => g.model).join(", ") || m?.cpu || m?.host || "";

function Machine({ of: m }) {
  const far = Math.max(...m.series.flatMap((s) => s.effects.map(Math.abs))), wanted = Math.max(...m.series.map((s) => s.wanted));
  const [some, more] = useSome([...m.series].sort((a, b) => b.alarms - a.alarms || (b.floor ?? b.largest) - (a.floor ?? a.largest)));
  return html`<${Section} title=${machine(m.machine)} note=${html`<code>${m.fingerprint}</code>`}>
    <div class="tiles"><div class="tile"><b class="num">${fmt.count(m.comparisons)}</b><span>comparisons of identical code</span></div>
      <div class="tile"><b class="num">${fmt.count(m.alarms)}</b><span>said that it differs: ${percent(m.false_alarm_rate)}</span></div>
      ${wanted > 0 && html`<div class="tile"><b class="num">${wanted}</b><span>more until every floor is known</span></div>`}</div>
    <${Table} label="noise" heads=${["benchmark", "metric", "#floor", "#farthest", "how far identical code was apart", "#comparisons", "#false alarms", "#newest"]}>${some.map((s) => html`<tr data-row="x"><td class="wrap"><a href=${`/benchmarks/${fmt.path(raw(s.benchmark))}?metric=${encodeURIComponent(raw(s.metric))}`}>${s.benchmark}</a> <span class="quiet">${fmt.params(s.params)}</span></td><td>${s.metric}</td>
      <td class="n">${s.wanted ? html`<${Flag} tone="plain">${s.wanted} more<//>` : percent(s.floor)}</td><td class="n quiet">${percent(s.largest)}</td><td><${Strip} samples=${s.effects} width=${240} lo=${-far} hi=${far} /></td>
      <td class="n quiet">${s.comparisons}</td><td class=${`n ${s.alarms ? "warn" : "quiet"}`}>${s.alarms}</td><td class="n quiet"><${Ago} at=${s.at} /></td></tr>`)}<//>${more}<//>`;
}

/** What this installation says of itself: how often identical code was said to differ, and the floor of each series. */
export function Noise() {
  const all = useGet("/noise", (name, d) => (name === "comparison" && d.kind === "aa" && d.state === "finished") || undefined);
  return html`<${Head} title="Noise" sub="What identical code did here. The floor of a series is what 95 % of its comparisons with itself stayed under; a smaller change decides nothing." />
    <${Fetched} of=${all} what="the noise">${(d) => (d.machines.length ? d.machines.map((m) => html`<${Machine} key=${m.fingerprint} of=${m} />`)
      : html`<${Empty} title="Nothing is known of the noise here. Twenty comparisons of a ref with itself tell it:" cmd="for i in $(seq 20); do cail compare --aa main --recipe mlir-opt-bench --wait; done" />`)}<//>`;
}
