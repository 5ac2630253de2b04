// A judged figure as a picture: the effect with its interval against the band that does not matter,
// and the paired rounds it was made from.
import { html } from "./dom.js";
import * as fmt from "./fmt.js";
import { tone, word } from "./ui.js";

const W = 240, MID = W / 2;
const ln = (v) => (v > 0 ? Math.log(v) : 0);
/** How far the axis of these rows goes, as the logarithm of a ratio: all intervals, at most a factor of two. */
export function reach(rows) {
  let r = 0.005;
  for (const x of rows) for (const v of [x.effect_lo, x.effect_hi, x.effect, 1 + (x.min_effect ?? 0) * 1.4]) if (v > 0 && isFinite(v)) r = Math.max(r, Math.abs(Math.log(v)));
  return Math.min(r * 1.08, Math.LN2);
}
const at = (v, far) => Math.max(3, Math.min(W - 3, MID + (ln(v) / far) * (MID - 6)));
export const inWords = (r) => (r.effect > 0 ? `${fmt.pct((r.effect - 1) * 100)}${r.effect_lo > 0 && r.effect_hi > 0 ? ` (${fmt.pct((r.effect_lo - 1) * 100)} to ${fmt.pct((r.effect_hi - 1) * 100)})` : ""}` : "no effect known");

export function Interval({ row: r, far }) {
  if (!(r.effect > 0)) return html`<svg class="interval" width=${W} height="20" aria-hidden="true"></svg>`;
  const lo = at(r.effect_lo ?? r.effect, far), hi = at(r.effect_hi ?? r.effect, far), band = r.min_effect ?? 0, y = 10;
  return html`<svg class="interval ${tone(r.verdict)}" width=${W} height="20" role="img" aria-label=${`${word(r.verdict)}: ${inWords(r)}, changes below ${fmt.num(band * 100)} % do not matter`}>
    <rect class="band" x=${at(1 - band, far)} width=${Math.max(1, at(1 + band, far) - at(1 - band, far))} y="1" height="18"/><line class="zero" x1=${MID} x2=${MID} y1="1" y2="19"/>
    <line class="ci" x1=${lo} x2=${hi} y1=${y} y2=${y}/>${[lo, hi].map((x) => html`<line class="ci" x1=${x} x2=${x} y1="6" y2="14"/>`)}<circle cx=${at(r.effect, far)} cy=${y} r="4"/></svg>`;
}

export function Axis({ far }) {
  const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4].findLast((s) => -ln(1 - s) < far * 0.95) ?? 0.001;
  return html`<svg class="axis" width=${W} height="16" aria-hidden="true">${[1 - step, 1, 1 + step].map((v) => html`<text x=${at(v, far)} y="12">${v === 1 ? "0" : `${v > 1 ? "+" : "−"}${fmt.num(step * 100)} %`}</text>`)}</svg>`;
}

/** Each round: base and head joined by a line, coloured by which way it went. */
export function Pairs({ row: r }) {
  const ps = r.pairs ?? [], apart = r.flags.includes("unpaired"), xs = ps.flatMap((p) => [p.base, p.head]).filter((v) => v !== null && isFinite(v));
  if (xs.length < 2) return html`<p class="none">No rounds to show.</p>`;
  const lo = Math.min(...xs), hi = Math.max(...xs), span = hi - lo || Math.abs(hi) || 1, step = Math.max(14, Math.min(46, 640 / ps.length)), left = 74, h = 190;
  const y = (v) => 12 + (1 - (v - lo + span * 0.06) / (span * 1.12)) * (h - 40), x = (i) => left + (i + 0.5) * step;
  const width = left + ps.length * step + 126, again = ps.findIndex((p) => p.batch > 0);
  const worse = (p) => (p.head === p.base || r.better === "neutral" ? "even" : p.head > p.base === (r.better === "lower") ? "bad" : "good");
  return html`<figure class="pairs"><div class="wide" tabIndex="0" role="group" aria-label="rounds"><svg width=${width} height=${h} role="img" aria-label=${`${ps.length} rounds of ${r.benchmark} ${r.metric}: median ${fmt.num(r.base.median)} before, ${fmt.num(r.head.median)} after, ${r.unit}`}>
    ${[lo, (lo + hi) / 2, hi].map((v) => html`<line class="grid" x1=${left} x2=${width - 122} y1=${y(v)} y2=${y(v)}/><text class="tick" x=${left - 8} y=${y(v) + 4}>${fmt.num(v)}</text>`)}
    ${[["base", r.base.median], ["head", r.head.median]].map(([k, v]) => v !== null && html`<line class=${`med ${k}`} x1=${left} x2=${width - 122} y1=${y(v)} y2=${y(v)}/>`)}
    <text class="end base" x=${width - 118} y=${y(r.base.median) + (r.base.median < r.head.median ? 12 : -4)}>before ${fmt.num(r.base.median)}</text><text class="end head" x=${width - 118} y=${y(r.head.median) + (r.base.median < r.head.median ? -4 : 12)}>after ${fmt.num(r.head.median)}</text>
    ${again > 0 && html`<line class="again" x1=${x(again - 0.5)} x2=${x(again - 0.5)} y1="2" y2=${h - 24}/><text x=${x(again - 0.5) + 4} y="10">measured again</text>`}
    ${ps.map((p, i) => html`<g key=${i} class=${`${worse(p)} ${p.tainted ? "tainted" : ""}`}><title>${`round ${p.round}, ${p.order === "BA" ? "after first" : "before first"}: ${fmt.num(p.base)} → ${fmt.num(p.head)} ${r.unit}${p.tainted ? ", tainted" : ""}`}</title>
      ${!apart && p.base !== null && p.head !== null && html`<line x1=${x(i) - step * 0.2} x2=${x(i) + step * 0.2} y1=${y(p.base)} y2=${y(p.head)}/>`}
      ${p.base !== null && html`<circle class="base" cx=${x(i) - step * 0.2} cy=${y(p.base)} r="3"/>`}${p.head !== null && html`<circle class="head" cx=${x(i) + step * 0.2} cy=${y(p.head)} r="3"/>`}</g>
      ${(ps.length <= 24 || i % 5 === 0) && html`<text class="round" x=${x(i)} y=${h - 8}>${p.round}</text>`}`)}</svg></div>
    <figcaption class="quiet">${r.unit ? `${r.unit}, ${r.better === "neutral" ? "neither way is better" : `${r.better} is better`}. ` : ""}${apart ? "Two runs: their samples in order, not paired." : `A line joins the two runs of a round; dashed = tainted, ${r.flags?.includes("tainted") ? "counted for want of clean ones" : "not counted"}.`}</figcaption></figure>`;
}

/** The row that matters most: what failed, then what got worse, by size. */
export function worst(rows) {
  // What is only shown decides nothing, and what has no effect has no picture.
  const own = (rows ?? []).filter((r) => r.effect > 0 && !r.flags?.includes("shown_only"));
  const rank = { regression: 0, failed: 1, missing: 2, improvement: 3, inconclusive: 4, not_comparable: 5, changed_small: 6, same: 7 };
  return (own.length ? own : [...(rows ?? [])]).sort((a, b) => (rank[a.verdict] ?? 8) - (rank[b.verdict] ?? 8) || Math.abs(ln(b.effect)) - Math.abs(ln(a.effect)))[0];
}
