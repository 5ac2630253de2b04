// The pieces that all pages are made of.
import { html, useEffect, useRef, useState } from "./dom.js";
import { raw } from "./door.js";
import * as fmt from "./fmt.js";

// --- time ---

const clocks = new Map();
/** Date.now(), told again every `ms`. All who ask for the same pace share a timer. */
export function useNow(ms = 10000) {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    let c = clocks.get(ms);
    if (!c) {
      c = { fns: new Set() };
      c.timer = setInterval(() => { const t = Date.now(); for (const fn of c.fns) fn(t); }, ms);
      clocks.set(ms, c);
    }
    c.fns.add(set);
    set(Date.now());
    return () => {
      c.fns.delete(set);
      if (!c.fns.size) { clearInterval(c.timer); clocks.delete(ms); }
    };
  }, [ms]);
  return now;
}

/** "3 min ago" in the reader's zone, the exact time on hover and for machines. */
export function Ago({ at }) {
  const now = useNow();
  return at ? html`<time dateTime=${at} title=${fmt.exact(at)}>${fmt.ago(new Date(at), Math.max(now, Date.now()))}</time>` : "";
}

/** How long from..to, counting when `to` is null. */
export function Span({ from, to }) {
  const now = useNow(to ? 3600000 : 1000);
  if (!from) return "";
  const ms = (to ? new Date(to) : Math.max(now, Date.now())) - new Date(from);
  return html`<span class="num">${to ? fmt.dur(ms) : fmt.clock(ms)}</span>`;
}

// --- words with a colour ---

const SIGNS = {
  running: "●", queued: "○", held: "◌", succeeded: "✓", failed: "✕", canceled: "⊘", timed_out: "◔", lost: "?", dep_failed: "⤫",
  regression: "▲", improvement: "▼", same: "=", changed_small: "≈", inconclusive: "?", not_comparable: "≠", missing: "∅",
  new_failure: "✕", fixed: "✓", still_failing: "✕", flaky: "≈", new: "+", removed: "−",
  preparing: "○", measuring: "●", judging: "●", finished: "✓", clean: "✓", tainted: "▲",
  free: "✓", leased: "●", busy: "●", drained: "⊘", settling: "○", quarantined: "▲", unknown: "?",
};
const WORDS = {
  timed_out: "timed out", dep_failed: "not started", changed_small: "small change", not_comparable: "not comparable",
  new_failure: "new failure", still_failing: "still failing", same: "no change",
};
const TONES = {
  running: "busy", measuring: "busy", judging: "busy", leased: "busy", succeeded: "good", finished: "good", fixed: "good", clean: "good", free: "good",
  improvement: "good", failed: "bad", timed_out: "bad", lost: "bad", dep_failed: "bad", regression: "bad", new_failure: "bad",
  still_failing: "bad", missing: "bad", quarantined: "bad", tainted: "warn", canceled: "quiet", inconclusive: "warn",
  not_comparable: "warn", flaky: "warn", busy: "warn", drained: "warn", changed_small: "quiet", same: "quiet",
};
export const word = (s) => WORDS[s] ?? s.replaceAll("_", " ");
export const tone = (s) => TONES[s] ?? "quiet";
export const State = ({ of }) => html`<span class="state ${tone(of)}"><i aria-hidden="true">${SIGNS[of] ?? "·"}</i>${word(of)}</span>`;
export const Flag = ({ children, tone: t = "warn" }) => html`<span class="flag ${t}">${children}</span>`;

// --- bits ---

export function Bar({ done, total, label }) {
  const share = total ? Math.min(1, done / total) : 0;
  return html`<span class="bar" role="progressbar" aria-label=${label ?? "progress"} aria-valuemin="0" aria-valuemax=${total}
    aria-valuenow=${done}><span style=${{ width: `${share * 100}%` }}></span></span>`;
}

export function Progress({ job }) {
  const p = job.progress;
  if (!p) return "";
  return html`<span class="prog"><${Bar} done=${p.done} total=${p.total} label="progress of job ${job.id}" />
    <span class="num">${fmt.count(p.done)}/${fmt.count(p.total)}</span>
    ${p.eta_s !== null && p.eta_s !== undefined && html`<span class="quiet num">${fmt.clock(p.eta_s * 1000)} left</span>`}</span>`;
}

/** text: a string that came through the door, or a function that gives the exact one. */
export function Copy({ text, label = "copy" }) {
  const [said, say] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? await text() : raw(text));
      say("copied");
    } catch {
      say("no clipboard here");
    }
    setTimeout(() => say(""), 2000);
  };
  return html`<button type="button" class="small" onClick=${copy}><span aria-live="polite">${said || label}</span></button>`;
}

export const Cmd = ({ children }) => {
  const text = [children].flat().join("");
  return html`<div class="cmd"><code tabIndex="0">${text}</code><${Copy} text=${text} /></div>`;
};

/** What there is when there is nothing: a sentence, and the command that changes that. */
export const Empty = ({ title, cmd, children }) => html`<div class="empty"><p>${title}</p>${children}${cmd && [cmd].flat().map((c) => html`<${Cmd}>${c}<//>`)}</div>`;

export function Trouble({ error, what }) {
  if (!error) return "";
  if (error.code === "offline") return html`<p class="note warn" role="status">Waiting for cail-d${what ? html` to show ${what}` : ""}…</p>`;
  return html`<div class="note bad" role="alert"><b>${error.message}</b>${error.hint && html`<br/>${error.hint}`}</div>`;
}

/** Grey lines of about the size of what is to come. */
export const Loading = ({ rows = 6 }) => html`<div class="loading" role="status" aria-label="loading">
  ${Array.from({ length: rows }, (_, i) => html`<span key=${i}></span>`)}</div>`;

/** The usual three states of something fetched, then the thing. */
export function Fetched({ of, what, rows, missing, children }) {
  if (of.data === undefined) {
    if (of.error?.status === 404 && missing) return missing;
    return of.error ? html`<${Trouble} error=${of.error} what=${what} />` : html`<${Loading} rows=${rows} />`;
  }
  return html`${of.error && html`<${Trouble} error=${of.error} what=${what} />`}${children(of.data)}`;
}

export function Head({ title, children, sub }) {
  useEffect(() => { document.title = `${[title].flat().filter((t) => typeof t !== "object").join("")} · cail`; });
  return html`<header class="head"><div><h1>${title}</h1>${sub && html`<p class="sub">${sub}</p>`}</div>
    <div class="actions">${children}</div></header>`;
}

export const Section = ({ title, note, id, children, actions }) => html`<section id=${id}>
  <div class="sechead"><h2>${title}</h2>${note && html`<span class="quiet">${note}</span>`}<span class="actions">${actions}</span></div>${children}</section>`;

/** [[label, value, class], ...] without those that say nothing. */
export const Facts = ({ of }) => html`<dl class="facts">${of.filter(([, v]) => v !== null && v !== undefined && v !== "" && v !== false)
  .map(([k, v, wide]) => html`<div key=${k} class=${wide}><dt>${k}</dt><dd>${v}</dd></div>`)}</dl>`;

/** A button that asks the daemon for something and says when that failed. */
export function Act({ run, children, danger, label, primary, disabled }) {
  const [state, set] = useState(null);
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const click = async () => {
    if (danger && state !== "sure") { // what cannot be undone is asked for twice
      set("sure");
      setTimeout(() => alive.current && set((s) => (s === "sure" ? null : s)), 4000);
      return;
    }
    set("busy");
    let end = null;
    try { await run(); } catch (e) { end = e.message; }
    if (alive.current) set(end);
  };
  return html`<button type="button" class=${`${danger ? "danger" : ""} ${primary ? "primary" : ""}`} aria-label=${label} title=${label}
    disabled=${disabled || state === "busy"} onClick=${click}>${state === "sure" ? "sure?" : children}</button>${state && state !== "busy" && state !== "sure" && html`<span class="bad" role="alert">${state}</span>`}`;
}

/** Tabs that live in the address. tabs: [[key, title, count]] */
export function Tabs({ tabs, now, onPick }) {
  const keys = (e) => {
    const d = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!d) return;
    const i = (tabs.findIndex(([k]) => k === now) + d + tabs.length) % tabs.length;
    onPick(tabs[i][0]);
    e.currentTarget.children[i].focus();
    e.preventDefault();
  };
  return html`<div class="tabs" role="tablist" onKeyDown=${keys}>${tabs.map(([k, title, n]) => html`
    <button key=${k} type="button" role="tab" id=${`tab-${k}`} aria-selected=${k === now} aria-controls="panel" tabIndex=${k === now ? 0 : -1}
      onClick=${() => onPick(k)}>${title}${n !== undefined && n !== null && html` <span class="count">${fmt.count(n)}</span>`}</button>`)}</div>`;
}

/** Dots of all samples over their median: what a number hides. */
export function Strip({ samples, width = 120, height = 18, lo, hi }) {
  const xs = (samples ?? []).filter((v) => v !== null && isFinite(v));
  if (xs.length < 2) return "";
  const min = lo ?? Math.min(...xs), max = hi ?? Math.max(...xs), span = max - min || 1;
  const x = (v) => 3 + ((v - min) / span) * (width - 6);
  const mid = [...xs].sort((a, b) => a - b)[xs.length >> 1];
  const some = xs.length > 300 ? xs.filter((_, i) => i % Math.ceil(xs.length / 300) === 0) : xs;
  return html`<svg class="strip" width=${width} height=${height} role="img" aria-label=${`${xs.length} samples from ${fmt.num(min)} to ${fmt.num(max)}`}>
    ${some.map((v, i) => html`<circle key=${i} cx=${x(v)} cy=${height / 2 + ((i * 7) % 5 - 2) * 1.6} r="1.6"/>`)}
    <line x1=${x(mid)} x2=${x(mid)} y1="1" y2=${height - 1}/></svg>`;
}

/** Values by their order, last one marked. */
export function Spark({ values, width = 140, height = 28, tone: t = "" }) {
  const xs = (values ?? []).filter((v) => v !== null && isFinite(v));
  if (xs.length < 2) return html`<svg class="spark" width=${width} height="12" aria-hidden="true"></svg>`;
  const min = Math.min(...xs), span = Math.max(...xs) - min || 1;
  const x = (i) => 2 + (i / (xs.length - 1)) * (width - 6), y = (v) => height - 3 - ((v - min) / span) * (height - 6);
  return html`<svg class="spark ${t}" width=${width} height=${height} role="img" aria-label=${`from ${fmt.num(xs[0])} to ${fmt.num(xs.at(-1))}`}>
    <polyline points=${xs.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(" ")}/>
    <circle cx=${x(xs.length - 1)} cy=${y(xs.at(-1))} r="2.2"/></svg>`;
}

// --- tables ---

/** A table that scrolls by itself where the page is narrow. heads: words, "#word" over numbers, or a <th>. */
export const Table = ({ label, heads, children, ...more }) => html`<div class="wide" tabIndex="0" role="group" aria-label=${label}><table ...${more}>
  ${heads && html`<thead><tr>${heads.map((h) => (typeof h === "string" ? html`<th class=${h[0] === "#" ? "n" : ""}>${h.replace("#", "")}</th>` : h))}</tr></thead>`}<tbody>${children}</tbody></table></div>`;

/** Which rows all words of a filter are in. */
export function matcher(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (s) => { const low = s.toLowerCase(); return words.every((w) => low.includes(w)); };
}

export function Filter({ value, onInput, label = "filter" }) {
  return html`<input type="search" class="filter" id="filter" value=${value} placeholder="${label}  /" aria-label=${label} autocomplete="off"
    spellcheck=${false} onInput=${(e) => onInput(e.target.value)} />`;
}

/** A head cell that sorts: sort is "key" or "-key". */
export function Sort({ by, sort, onSort, num, children }) {
  const dir = sort === by ? "ascending" : sort === `-${by}` ? "descending" : "none";
  return html`<th class=${num ? "n" : ""} aria-sort=${dir}><button type="button" onClick=${() => onSort(dir === "ascending" ? `-${by}` : by)}>
    ${children}<i aria-hidden="true">${{ ascending: "↑", descending: "↓", none: "" }[dir]}</i></button></th>`;
}

/** A few rows now, the rest on request: five thousand rows would be slow and are read by nobody. */
export function useSome(all, step = 100) {
  const [n, set] = useState(step);
  const more = all.length > n && html`<p class="more"><button type="button" onClick=${() => set(n + step * 5)}>show more (${fmt.count(all.length - n)} left)</button></p>`;
  return [all.length > n ? all.slice(0, n) : all, more || ""];
}

/** Single keys: {"/": fn}; false = it was not meant. Not while somebody writes. */
export function useKeys(keys) {
  const held = useRef(keys);
  held.current = keys;
  useEffect(() => {
    const fn = (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest?.("input,textarea,select,[contenteditable]")) return;
      const act = held.current[e.key];
      if (act && act(e) !== false) e.preventDefault();
    };
    addEventListener("keydown", fn);
    return () => removeEventListener("keydown", fn);
  }, []);
}

const step = (d) => () => {
  const rows = [...document.querySelectorAll("[data-row]")];
  const i = rows.findIndex((r) => r.contains(document.activeElement));
  rows[Math.max(0, Math.min(rows.length - 1, i + d))]?.querySelector("a,button")?.focus();
};
/** Every page has them: j and k walk over its rows, which are [data-row] with a link or a button; Enter opens. */
export const ROW_KEYS = { j: step(1), k: step(-1), "/": () => document.getElementById("filter")?.focus() };

/** Keys for the row that one is at: {c: fn(row)}. */
export function useRowKeys(keys) {
  useKeys(Object.fromEntries(Object.entries(keys).map(([k, fn]) => [k, () => {
    const id = document.activeElement?.closest?.("[data-row]")?.dataset.row;
    return id ? fn(id) : false;
  }])));
}
