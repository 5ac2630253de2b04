// A line of a log as pieces with colours. Of terminal sequences only colours and weight (SGR) mean
// something; others are left out. The rest goes through the door like any string of a stranger.
import { vis } from "./door.js";

const SEQ = /\x1b(?:\[([0-9;:]*)([ -/]*[@-~])|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b\n]*(?:\x1b\\)?|[ -/]*[0-~])/g;
const LINE_MAX = 4000;

function color(codes, i, state, key) {
  if (codes[i + 1] === 5) {
    const n = codes[i + 2];
    if (n < 16) state[key] = n;
    else if (n >= 232) state[key] = n < 244 ? 8 : 7;
    else { // the cube, to the nearest of the eight
      const c = n - 16, bit = (v) => (v >= 3 ? 1 : 0);
      state[key] = bit(Math.floor(c / 36)) | (bit(Math.floor(c / 6) % 6) << 1) | (bit(c % 6) << 2);
    }
    return 2;
  }
  if (codes[i + 1] === 2) {
    const bit = (v) => (v >= 128 ? 1 : 0);
    state[key] = bit(codes[i + 2]) | (bit(codes[i + 3]) << 1) | (bit(codes[i + 4]) << 2);
    return 4;
  }
  return 0;
}

function sgr(text, state) {
  const codes = text.split(/[;:]/).map(Number);
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i];
    if (c === 0) state.fg = state.bg = state.bold = state.dim = state.under = undefined;
    else if (c === 1) state.bold = true;
    else if (c === 2) state.dim = true;
    else if (c === 4) state.under = true;
    else if (c === 22) state.bold = state.dim = undefined;
    else if (c === 24) state.under = undefined;
    else if (c >= 30 && c <= 37) state.fg = c - 30;
    else if (c === 38) i += color(codes, i, state, "fg");
    else if (c === 39) state.fg = undefined;
    else if (c >= 40 && c <= 47) state.bg = c - 40;
    else if (c === 48) i += color(codes, i, state, "bg");
    else if (c === 49) state.bg = undefined;
    else if (c >= 90 && c <= 97) state.fg = c - 82;
    else if (c >= 100 && c <= 107) state.bg = c - 92;
  }
}

const classOf = (s) => [s.fg !== undefined && `f${s.fg}`, s.bg !== undefined && `b${s.bg}`, s.bold && "bold", s.dim && "dim", s.under && "under"]
  .filter(Boolean).join(" ");

export const strip = (line) => line.replace(SEQ, "");

/** [{text, cls}] of one line; `state` goes on to the next one. */
export function pieces(line, state) {
  if (line.endsWith("\r")) line = line.slice(0, -1);
  const back = line.lastIndexOf("\r"); // a progress line that was written over: its last state
  if (back >= 0) line = line.slice(back + 1);
  const out = [];
  let at = 0, m;
  const add = (text) => { if (text) out.push({ text: vis(text.replace(/\0{4,}/g, " ⋯ ")), cls: classOf(state) }); };
  const cut = line.length > LINE_MAX ? line.slice(0, LINE_MAX) : line;
  SEQ.lastIndex = 0;
  while ((m = SEQ.exec(cut))) {
    add(cut.slice(at, m.index));
    if (m[2] === "m") sgr(m[1], state);
    at = SEQ.lastIndex;
  }
  add(cut.slice(at));
  if (line.length > LINE_MAX) out.push({ text: ` … ${line.length - LINE_MAX} more characters`, cls: "dim" });
  return out;
}
