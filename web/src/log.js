// The log of a job: only the lines that are seen are nodes.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./dom.js";
import * as fmt from "./fmt.js";
import { onEvent } from "./live.js";
import { LogIndex } from "./logindex.js";

const LINE_PX = 18, EXTRA = 12, TALL_PX = 8e6; // browsers lose count of pixels above some ten million

function Line({ n, text, mark, hit }) {
  return html`<div class="line ${mark ? "mark" : ""} ${hit ? "hit" : ""}"><span class="no" aria-hidden="true">${n + 1}</span><span class="tx">${text?.map((p, i) => html`<span key=${i} class=${p.cls}>${p.text}</span>`)}</span></div>`;
}

export function Log({ job, attempt, over, hole }) {
  const path = `/jobs/${job}/log${attempt ? `?attempt=${attempt}` : ""}`;
  const index = useMemo(() => new LogIndex(path, hole), [path, hole?.from]);
  const box = useRef();
  const [, draw] = useState(0);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  const [follow, setFollow] = useState(!over);
  const [find, setFind] = useState("");
  const [hits, setHits] = useState({ lines: [], share: 1, at: -1 });
  const [mark, setMark] = useState(-1);
  const [error, fail] = useState(null);
  const frame = useRef(0);
  const gone = useRef();
  const redraw = () => { frame.current ||= requestAnimationFrame(() => { frame.current = 0; draw((n) => n + 1); }); };
  gone.current ??= new AbortController();
  useEffect(() => () => { gone.current.abort(); cancelAnimationFrame(frame.current); gone.current = undefined; }, []);

  useEffect(() => { // read what there is, then what comes
    const stop = new AbortController();
    let timer = 0, busy = false, wanted = false;
    const look = async () => {
      clearTimeout(timer);
      if (busy) { wanted = true; return; }
      busy = true;
      try {
        await index.grow(stop.signal, redraw);
        fail(null);
      } catch (e) {
        if (stop.signal.aborted) return;
        fail(e);
      }
      busy = false;
      redraw();
      if (wanted) { wanted = false; look(); }
      else if (!over) timer = setTimeout(() => (document.hidden ? undefined : look()), 1500);
    };
    const off = onEvent((name, d) => { if (name === "resync" || (name === "attempt" && d.job === job && d.log_bytes !== index.size)) look(); });
    look();
    return () => { stop.abort(); clearTimeout(timer); off(); };
  }, [index, over]);

  const lines = index.lines;
  // The first line is at the scroll bar's begin and the last one at its end, however tall all of them are.
  const tall = lines * LINE_PX, pad = Math.min(tall, TALL_PX), squeeze = pad > height ? (tall - height) / (pad - height) : 1;
  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return;
    setHeight(el.clientHeight);
    if (follow) { el.scrollTop = el.scrollHeight; setTop(el.scrollTop); }
  }, [lines, follow]);
  const scrolled = () => {
    const el = box.current;
    setTop(el.scrollTop);
    const end = el.scrollTop + el.clientHeight >= el.scrollHeight - 2 * LINE_PX;
    if (follow && !end) setFollow(false);
    else if (!follow && end && !over) setFollow(true);
  };
  const to = (line) => {
    const el = box.current;
    setFollow(false);
    setMark(line);
    el.scrollTop = Math.max(0, (line * LINE_PX - height / 3) / squeeze);
    setTop(el.scrollTop);
  };

  useEffect(() => { // the search goes over all of it, beside whatever else happens
    if (find.length < 2) { setHits({ lines: [], share: 1, at: -1 }); return; }
    const stop = new AbortController();
    const t = setTimeout(() => {
      let first = true;
      index.search(find, stop.signal, (found, share) => {
        setHits({ lines: [...found], share, at: found.length ? 0 : -1 });
        if (first && found.length) { first = false; to(found[0]); }
      }).catch(() => {});
    }, 250);
    return () => { stop.abort(); clearTimeout(t); };
  }, [find, index]);
  const next = (d) => {
    if (!hits.lines.length) return;
    const at = (hits.at + d + hits.lines.length) % hits.lines.length;
    setHits({ ...hits, at });
    to(hits.lines[at]);
  };

  const from = Math.max(0, Math.floor((top * squeeze) / LINE_PX) - EXTRA);
  const shown = Math.min(lines, Math.floor((top * squeeze + height) / LINE_PX) + EXTRA);
  const rows = [];
  const hit = new Set(hits.lines.length < 2000 ? hits.lines : hits.lines.slice(0, 2000));
  for (let n = from; n < shown; n++) {
    const text = index.line(n, gone.current.signal, redraw);
    rows.push(html`<${Line} key=${n} n=${n} text=${text} mark=${n === mark} hit=${hit.has(n)} />`);
  }
  // Line `from` must be seen where the squeezed scroll bar says that it is.
  const shift = top - (top * squeeze - from * LINE_PX);
  const reading = index.read < index.size;
  return html`<div class="logview">
    <div class="logbar"><input type="search" class="filter" id="filter" placeholder="search  /" aria-label="search the log" value=${find} onInput=${(e) => setFind(e.target.value)}
        onKeyDown=${(e) => { if (e.key === "Enter") { e.preventDefault(); next(e.shiftKey ? -1 : 1); } }} />
      <span class="num quiet hits" aria-live="polite">${find.length > 1 ? (hits.share < 1 ? `${Math.round(hits.share * 100)} %` : hits.lines.length ? `${hits.at + 1} of ${fmt.count(hits.lines.length)}` : "nothing") : ""}</span>
      <button type="button" class="small" disabled=${!hits.lines.length} onClick=${() => next(-1)} aria-label="hit before">↑</button><button type="button" class="small" disabled=${!hits.lines.length} onClick=${() => next(1)} aria-label="next hit">↓</button>
      <button type="button" class="small" disabled=${index.firstError < 0} onClick=${() => to(index.firstError)}>first error</button>
      <button type="button" class="small" aria-pressed=${follow} onClick=${() => setFollow(!follow)}>${over ? "to the end" : "follow"}</button>
      <span class="grow"></span><span class="num quiet">${reading ? `reading, ${Math.round((100 * index.read) / index.size)} %` : `${fmt.plural(lines, "line")}, ${fmt.bytes(index.size)}`}</span>
      <a href=${path} target="_blank">raw</a></div>
    ${error && html`<p class="note warn">${error.message}</p>`}
    <div class="logbox" ref=${box} onScroll=${scrolled} tabIndex="0" role="region" aria-label="log of job ${job}">
      <div class="logpad" style=${{ height: `${pad}px` }}><div class="lines" style=${{ transform: `translateY(${shift}px)` }}>${rows}</div></div>
      ${lines === 0 && !reading && html`<p class="none">${over ? "It said nothing." : "It has said nothing yet."}</p>`}</div></div>`;
}
