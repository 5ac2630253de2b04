// Where the lines of a log lie. A log may have 100 MB and a million lines: its bytes are read once in
// pieces and forgotten, what stays is where each block of lines begins; blocks that are looked at are
// fetched again, and the last ones kept.
import { getRange } from "./api.js";
import { pieces, strip } from "./ansi.js";

const PIECE = 1 << 20, BLOCK_LINES = 256, BLOCK_BYTES = 256 << 10, KEPT = 48, FOUND_MAX = 10000;
const ERROR = /\b(?:error|fatal|panic|Traceback|FAILED|Segmentation fault|Assertion .* failed|undefined reference)\b/i;
// Without word ends: a colour's sequence before it ends in a letter.
const LIKELY = /error|fatal|panic|Traceback|FAILED|fault|Assertion|undefined ref/i;
const NO_ERROR = /\b(?:0|no) errors?\b|-Werror|error_|_error|errors?\.(?:c|h|cc|cpp|o|py|rs)\b/i;

export class LogIndex {
  constructor(path, hole) {
    this.path = path;
    this.hole = hole;
    this.drop();
  }

  /** Begin anew: another attempt, or a file that shrank. */
  drop() {
    this.blocks = []; // {at, end, line, n, hole}
    this.open = { at: 0, line: 0, n: 0 };
    this.read = 0; // bytes looked at
    this.size = 0;
    this.cache = new Map();
    this.firstError = -1;
    this.tail = new Uint8Array(0); // of a line that has no end yet
  }

  get lines() {
    return this.open.line + this.open.n + (this.tail.length ? 1 : 0);
  }

  close(end, hole) {
    const o = this.open;
    if (end > o.at) this.blocks.push({ at: o.at, end, line: o.line, n: o.n, hole });
    this.open = { at: end, line: o.line + o.n, n: 0 };
  }

  /** Read what is new; tell(now) after each piece. True when there was any. */
  async grow(signal, tell) {
    const from = this.read;
    for (;;) {
      if (this.hole && this.read >= this.hole.from && this.read < this.hole.to) this.skip();
      let to = this.read + PIECE;
      if (this.hole && this.read < this.hole.from) to = Math.min(to, this.hole.from);
      const { bytes, size } = await getRange(this.path, this.read, to, signal);
      if (size < this.read) { this.drop(); this.size = size; tell(); continue; }
      this.size = size;
      if (!bytes.length) return this.read > from;
      this.take(bytes);
      tell();
      if (this.read >= size) return true;
    }
  }

  skip() {
    if (this.tail.length) this.open.n++;
    this.close(this.hole.from);
    this.tail = new Uint8Array(0);
    this.open.n = 1;
    this.close(this.hole.to, true);
    this.read = this.hole.to;
  }

  take(bytes) {
    const base = this.read - this.tail.length;
    let all = bytes;
    if (this.tail.length) {
      all = new Uint8Array(this.tail.length + bytes.length);
      all.set(this.tail);
      all.set(bytes, this.tail.length);
    }
    this.cache.delete(this.open.at);
    const first = this.open.line + this.open.n;
    let at = 0, nl;
    while ((nl = all.indexOf(10, at)) >= 0) {
      at = nl + 1;
      this.open.n++;
      if (this.open.n >= BLOCK_LINES || base + at - this.open.at >= BLOCK_BYTES) this.close(base + at);
    }
    if (this.firstError < 0 && at) this.seek(all.subarray(0, at), first);
    this.tail = all.slice(at);
    this.read += bytes.length;
    if (this.tail.length > PIECE) { // a line without end: cut
      this.open.n++;
      this.close(this.read);
      this.tail = new Uint8Array(0);
    }
  }

  seek(bytes, line) {
    const text = new TextDecoder().decode(bytes);
    if (!LIKELY.test(text)) return;
    const i = text.split("\n").findIndex((l) => LIKELY.test(l) && ERROR.test(strip(l)) && !NO_ERROR.test(strip(l)));
    if (i >= 0) this.firstError = line + i;
  }

  blockOf(line) {
    let lo = 0, hi = this.blocks.length - 1;
    if (line >= this.open.line) return { at: this.open.at, end: this.read, line: this.open.line, n: this.open.n + (this.tail.length ? 1 : 0), open: true };
    while (lo < hi) {
      const mid = (lo + hi + 1) >> 1;
      if (this.blocks[mid].line <= line) lo = mid; else hi = mid - 1;
    }
    return this.blocks[lo];
  }

  /** The pieces of a line; undefined = it is being fetched, and tell() comes. */
  line(n, signal, tell) {
    const b = this.blockOf(n);
    if (!b) return undefined;
    if (b.hole) return [{ text: `⋯ ${this.hole.to - this.hole.from} bytes were left out here: the log had grown over its cap ⋯`, cls: "dim" }];
    const kept = this.cache.get(b.at);
    if (kept?.lines && kept.end === b.end) {
      this.cache.delete(b.at); // the order of the map is that of use
      this.cache.set(b.at, kept);
      return this.pieces(kept, n - b.line);
    }
    if (!kept || kept.end !== b.end) this.fetch(b, signal, tell, kept);
    return kept?.lines && this.pieces(kept, n - b.line);
  }

  pieces(entry, i) {
    return pieces(entry.lines[i] ?? "", { ...entry.states?.[i] });
  }

  fetch(b, signal, tell, old) {
    const entry = { end: b.end, lines: old?.lines };
    this.cache.set(b.at, entry);
    if (this.cache.size > KEPT) this.cache.delete(this.cache.keys().next().value);
    getRange(this.path, b.at, b.end, signal).then(({ bytes }) => {
      const text = new TextDecoder().decode(bytes), state = {};
      entry.lines = text.split("\n");
      // A colour goes on over the end of its line, until it is reset.
      entry.states = text.includes("\x1b") ? entry.lines.map((l) => { const s = { ...state }; if (l.includes("\x1b")) pieces(l, state); return s; }) : null;
      tell();
    }, () => this.cache.delete(b.at));
  }

  /** Lines with `text` in them, over the whole log; tell(found, share). */
  async search(text, signal, tell) {
    const found = [], low = text.toLowerCase();
    const all = [...this.blocks, this.blockOf(this.open.line)].filter((b) => b.end > b.at && !b.hole);
    for (let i = 0; i < all.length && found.length < FOUND_MAX;) {
      const from = i;
      while (i < all.length && all[i].end - all[from].at <= 2 * PIECE && (i === from || all[i].at === all[i - 1].end)) i++;
      if (i === from) i++;
      const { bytes } = await getRange(this.path, all[from].at, all[i - 1].end, signal);
      const whole = new TextDecoder().decode(bytes);
      if (whole.toLowerCase().includes(low) || whole.includes("\x1b"))
        whole.split("\n").forEach((l, k) => { if (strip(l).toLowerCase().includes(low) && found.length < FOUND_MAX) found.push(all[from].line + k); });
      tell(found, all[i - 1].end / this.read);
    }
    tell(found, 1);
    return found;
  }
}
