// Numbers, sizes and times as people read them.
const pad = (n) => String(n).padStart(2, "0");

export function dur(ms) {
  if (ms === null || ms === undefined || !isFinite(ms)) return "";
  if (ms < 0) ms = 0;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s.toFixed(1)} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} m ${pad(Math.floor(s % 60))} s`;
  const h = Math.floor(m / 60);
  return h < 48 ? `${h} h ${pad(m % 60)} m` : `${Math.floor(h / 24)} d ${pad(h % 24)} h`;
}

/** Whole seconds, for what counts up: it must not change its width ten times a second. */
export const clock = (ms) => (ms < 60000 ? `${Math.max(0, Math.floor(ms / 1000))} s` : dur(ms));

export function bytes(n) {
  if (n === null || n === undefined) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  for (; n >= 1024 && i < 4; i++) n /= 1024;
  return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}
export const mib = (n) => (n === null || n === undefined ? "" : bytes(n * 1048576));

const four = new Intl.NumberFormat("en", { maximumSignificantDigits: 4, useGrouping: false });
/** Four digits that mean something; 0.00001234 and 12340000000 as powers. */
export function num(v) {
  if (v === null || v === undefined) return "–";
  const a = Math.abs(v);
  if (a !== 0 && (a < 1e-4 || a >= 1e9)) return v.toExponential(2).replace("e+", "e");
  if (a >= 10000) return Math.round(v).toLocaleString("en").replaceAll(",", "\u2009");
  if (Number.isInteger(v)) return String(v);
  return four.format(v);
}
export const count = (n) => n.toLocaleString("en").replaceAll(",", "\u2009");

/** "+2.31 %", with a true minus. */
export const pct = (v, digits = 2) => {
  if (v === null || v === undefined || !isFinite(v)) return "–";
  const shown = Math.abs(v).toFixed(digits);
  return `${Number(shown) === 0 ? "±" : v > 0 ? "+" : "−"}${shown} %`;
};

export function ago(at, now) {
  const s = (now - at) / 1000, a = Math.abs(s);
  const text = a < 45 ? `${Math.round(a)} s` : a < 5400 ? `${Math.round(a / 60)} min` : a < 129600 ? `${Math.round(a / 3600)} h`
    : a < 86400 * 60 ? `${Math.round(a / 86400)} d` : `${Math.round(a / 86400 / 30.4)} months`;
  return a < 3 ? "just now" : s > 0 ? `${text} ago` : `in ${text}`;
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const exact = (iso) => `${local.format(new Date(iso))} (${iso})`;
export const date = (iso) => day.format(new Date(iso));
/** Today the time of day, else the day. */
export const when = (iso, now) => (now - new Date(iso) < 86400e3 ? minute : day).format(new Date(iso));

export const plural = (n, word, many) => `${count(n)} ${n === 1 ? word : many ?? `${word}s`}`;
/** A parameter object as "a=1 b=2"; empty ones are left out. */
export const params = (p) => Object.entries(p ?? {}).filter(([, v]) => v !== "").map(([k, v]) => `${k}=${typeof v === "object" ? JSON.stringify(v) : v}`).join(" ");
/** A path part, slashes kept. */
export const path = (s) => s.split("/").map(encodeURIComponent).join("/");
