// What comes from the daemon was written by strangers: names, errors, paths, logs. Here is the one
// door: every string that comes through it shows what it holds. Characters that move the cursor,
// turn the direction of writing or hide themselves become visible escapes, \u{202e}. The pages then
// only ever make text nodes of strings.

// C0 but tab and line feed, DEL and C1; soft hyphen; Arabic letter mark; zero widths and marks;
// line separators and direction (Trojan Source, CVE-2021-42574); word joiner to invisible
// operators; BOM; interlinear; tags; lone surrogates.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;
// The same as it may stand in JSON text, where it can be written as an escape.
const SUSPECT = /\\u|[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\\[bfr]/u;

export const vis = (s) => s.replace(HIDDEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

/** The string as the daemon knows it, for questions back to it. */
export const raw = (s) => s.replace(/\\u\{([0-9a-f]{1,6})\}/g, (all, hex) => {
  const n = parseInt(hex, 16);
  return n <= 0x10ffff ? String.fromCodePoint(n) : all;
});

function shown(key, v) {
  if (typeof v === "string") return vis(v);
  if (v && typeof v === "object" && !Array.isArray(v))
    for (const k of Object.keys(v)) {
      const safe = vis(k);
      if (safe !== k) {
        v[safe] = v[k];
        delete v[k];
      }
    }
  return v;
}

/** JSON.parse, with every string (and every key) made visible. */
export const parse = (text) => (SUSPECT.test(text) ? JSON.parse(text, shown) : JSON.parse(text));
