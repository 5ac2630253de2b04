// What the cards did under a job: four figures over one time axis, slowed spans shaded, steps marked.
import uPlot from "uplot";
import { html, useEffect, useMemo } from "./dom.js";
import { useGet } from "./api.js";
import * as fmt from "./fmt.js";
import { isOver } from "./jobs.js";
import { color, marks, Plot } from "./plot.js";
import { Empty, Facts, Fetched, Flag, State } from "./ui.js";

// nvmlClocksEventReasons; bits that say that the card was slower than it could have been.
const SLOWED = [[4, "sw_power_cap"], [8, "hw_slowdown"], [0x10, "sync_boost"], [0x20, "sw_thermal"], [0x40, "hw_thermal"], [0x80, "hw_power_brake"]];
const MASK = SLOWED.reduce((m, [bit]) => m | bit, 0);
const SERIES = [["sm_mhz", "SM clock", "MHz", 1], ["power_mw", "power", "W", 1e-3], ["temp_c", "temperature", "°C", 1], ["used_mib", "memory", "GiB", 1 / 1024]];
export const reasonText = (r) => ({ sw_power_cap: "power cap", sw_thermal: "heat (driver)", hw_thermal: "heat (hardware)", hw_power_brake: "power brake", hw_slowdown: "hardware slowdown", sync_boost: "sync boost", low_clocks: "low clocks", foreign_process: "another process", unobserved: "not observed", gpu_lost: "card lost", wrong_card: "wrong card" })[r] ?? r.replaceAll("_", " ");

/** Spans of samples whose reasons say slowed, in seconds: [[from, to, bits]]. */
export function slowedSpans(t, reasons) {
  const out = [];
  for (let i = 0; i < t.length; i++) {
    const bits = (reasons[i] ?? 0) & MASK;
    if (!bits) continue;
    const from = i ? (t[i - 1] + t[i]) / 2 : t[i], to = i + 1 < t.length ? (t[i] + t[i + 1]) / 2 : t[i];
    const last = out.at(-1);
    if (last && last[1] >= from - 1e-9) { last[1] = to; last[2] |= bits; } else out.push([from, to, bits]);
  }
  return out;
}

function One({ card, steps, sync }) {
  const s = card.samples;
  const t = useMemo(() => s.mono_ms.map((ms) => ms / 1000), [s.mono_ms.length, s.every]);
  const spans = slowedSpans(t, s.reasons);
  const values = (key, k) => s[key]?.map((v) => (v === null ? null : v * k)) ?? [];
  return html`<div class="plots">${SERIES.map(([key, name, unit, k], i) => html`<div class="plotrow" key=${key}><span class="plotname">${name} <span class="quiet">${unit}</span></span>
    <${Plot} label=${`${name} of ${card.name} over time`} deps=${[card.uuid, steps.length, spans.length]} data=${[t, values(key, k)]} make=${() => {
      const shade = color("--shade"), ink = color("--ink2"), last = i === SERIES.length - 1;
      return { data: [t, values(key, k)], opts: { height: last ? 118 : 92, cursor: { sync: { key: sync }, points: { size: 6 }, drag: { x: true, y: false } },
        scales: { x: { time: false }, y: { range: (u, lo, hi) => (hi > lo ? uPlot.rangeNum(lo, hi, 0.15, true) : [lo - 1, lo + 1]) } },
        series: [{}, { stroke: color("--line1"), width: 1.5, points: { show: t.length < 3 } }],
        axes: [{ size: last ? 28 : 4, values: last ? (u, v) => v.map((x) => `${x} s`) : () => [] }, { size: 52, space: 22, values: (u, v) => v.map(fmt.num) }],
        plugins: [marks(spans.map(([a, b]) => [a, b, shade]), steps.map(([at, text]) => [at, ink, i ? "" : text]))] } };
    }} /></div>`)}</div>`;
}

function Summary({ of: s }) {
  const range = (r, unit) => r && r.mean !== null && r.mean !== undefined && `${Math.round(r.min)} to ${Math.round(r.max)}, mean ${Math.round(r.mean)} ${unit}`;
  return html`<${Facts} of=${[["watched", fmt.dur(s.duration_ms)], ["samples", s.samples], ["SM clock when busy", range(s.sm_busy_mhz, "MHz") || range(s.sm_mhz, "MHz")],
    ["power", s.power_mw_max && `at most ${(s.power_mw_max / 1000).toFixed(0)} W, mean ${(s.power_mw_mean / 1000).toFixed(0)} W`], ["temperature", s.temp_c_max && `at most ${s.temp_c_max} °C`],
    ["memory", s.used_mib_max !== null && fmt.mib(s.used_mib_max)], ["energy", s.energy_j && `${fmt.num(s.energy_j)} J`],
    ["slowed", html`<span class=${s.throttled_ms ? "warn" : ""}>${fmt.dur(s.throttled_ms)}</span>${Object.entries(s.throttled_by ?? {}).map(([k, ms]) => html` <${Flag} key=${k}>${reasonText(k)} ${fmt.dur(ms)}<//>`)}`],
    ["others on it", s.foreign_ms ? fmt.dur(s.foreign_ms) : null], ["idle", s.idle_share !== null && s.idle_share !== undefined && `${Math.round(s.idle_share * 100)} %`]]} />`;
}

export function Telemetry({ job: j }) {
  const over = isOver(j);
  const t = useGet(`/jobs/${j.id}/telemetry`, (name, d) => (name === "job" && d.id === j.id) || undefined);
  useEffect(() => {
    if (over) return undefined;
    const timer = setInterval(() => document.hidden || t.reload?.(), 1000);
    return () => clearInterval(timer);
  }, [over, t]);
  return html`<${Fetched} of=${t} what="what the cards did" missing=${html`<${Empty} title="No telemetry: it has held no card yet, or its files are gone." />`}>${(d) => {
    const start = new Date(d.start_at), steps = [];
    for (const a of j.attempts) {
      const name = j.steps?.[a.step]?.name ?? j.steps?.[a.step] ?? `attempt ${a.number}`;
      if (a.gpus?.length && a.started_at) steps.push([(new Date(a.started_at) - start) / 1000, name]);
      if (a.gpus?.length && a.ended_at) steps.push([(new Date(a.ended_at) - start) / 1000, ""]);
    }
    return html`<p class="lead"><${State} of=${d.verdict} /> ${d.verdict === "clean" ? "nothing slowed the cards or shared them" : d.reasons.map((r) => html`<${Flag} key=${r}>${reasonText(r)}<//> `)}
        ${d.unused_card && html`<${Flag} tone="plain">nothing of the job was seen on a card<//>`}<span class="quiet"> ${d.hz} samples a second${d.cards[0]?.samples?.every > 1 ? `, every ${d.cards[0].samples.every}th shown` : ""}; slowed spans are shaded</span></p>
      ${d.cards.map((c) => html`<section key=${c.uuid} class="telemetry" aria-label=${c.name}><div class="sechead"><h2>${c.name}</h2><span class="quiet">${c.uuid}</span></div>
        ${c.samples?.mono_ms.length > 1 ? html`<${One} card=${c} steps=${steps} sync=${`job${j.id}`} />` : html`<p class="none">No samples yet.</p>`}<${Summary} of=${c.summary} /></section>`)}`;
  }}<//>`;
}
