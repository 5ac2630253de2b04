// The Markdown that reports and notes are written in, as nodes: headings, lists, tables, code,
// emphasis, links, <details>. Never as HTML: what is not understood stays text.
import { html } from "./dom.js";
import { vis } from "./door.js";
import { Table } from "./ui.js";

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\(([^)\s]+)\)|<?(https?:\/\/[^\s<>)\]]+)>?/g;
const plain = (text) => text.replace(/\\([!-/:-@[-`{-~])/g, "$1");

function Link({ to, children }) {
  return /^https?:\/\//.test(to) ? html`<a href=${to} rel="noreferrer noopener" target="_blank">${children}</a>`
    : /^\/(?!\/)/.test(to) ? html`<a href=${to}>${children}</a>` : html`${children}`;
}

function inline(text) {
  const out = [];
  let at = 0;
  for (const m of text.matchAll(INLINE)) {
    out.push(plain(text.slice(at, m.index)));
    if (m[1]) out.push(html`<code>${m[1]}</code>`);
    else if (m[2]) out.push(html`<b>${plain(m[2])}</b>`);
    else if (m[3]) out.push(html`<${Link} to=${m[4]}>${plain(m[3])}<//>`);
    else out.push(html`<${Link} to=${m[5]}>${m[5]}<//>`);
    at = m.index + m[0].length;
  }
  out.push(plain(text.slice(at)));
  return out;
}

const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((c) => c.trim().replaceAll("\\|", "|"));

function table(lines) {
  const align = cells(lines[1]).map((c) => (c.endsWith(":") ? "n" : ""));
  return html`<${Table} label="table" heads=${cells(lines[0]).map((c, i) => html`<th class=${align[i]}>${inline(c)}</th>`)}>${lines.slice(2).map((l) => html`<tr>${cells(l).map((c, i) => html`<td class=${align[i]}>${inline(c)}</td>`)}</tr>`)}<//>`;
}

const heading = (n, text) => (n <= 1 ? html`<h2>${inline(text)}</h2>` : n === 2 ? html`<h3>${inline(text)}</h3>` : html`<h4>${inline(text)}</h4>`);

function block(lines) {
  const out = [];
  for (let i = 0; i < lines.length;) {
    const line = lines[i];
    const take = (fits) => { const from = i; while (i < lines.length && fits(lines[i])) i++; return lines.slice(from, i); };
    let m;
    if (!line.trim()) i++;
    else if ((m = /^(`{3,}|~{3,})/.exec(line))) {
      i++;
      const code = take((l) => !l.startsWith(m[1]));
      i++;
      out.push(html`<pre tabIndex="0">${code.join("\n")}</pre>`);
    } else if ((m = /^(#{1,6})\s+(.*)/.exec(line))) {
      out.push(heading(m[1].length, m[2]));
      i++;
    } else if ((m = /^\s*<details>\s*(<summary>.*)?/i.exec(line))) {
      i++;
      const inner = take((l) => !/^\s*<\/details>/i.test(l));
      i++;
      const at = inner.findIndex((l) => /<summary>/i.test(l));
      const title = (m[1] ?? (at >= 0 ? inner.splice(at, 1)[0] : "more")).replace(/<\/?summary>/gi, "");
      out.push(html`<details><summary>${inline(title)}</summary>${block(inner)}</details>`);
    } else if (line.includes("|") && /^[\s|:-]+$/.test(lines[i + 1] ?? "") && lines[i + 1].includes("-")) {
      out.push(table(take((l) => l.includes("|"))));
    } else if (/^\s*[-*]\s+/.test(line)) {
      out.push(html`<ul>${take((l) => /^\s*[-*]\s+/.test(l)).map((l) => html`<li>${inline(l.replace(/^\s*[-*]\s+/, ""))}</li>`)}</ul>`);
    } else if (/^\s*\d+[.)]\s+/.test(line)) {
      out.push(html`<ol>${take((l) => /^\s*\d+[.)]\s+/.test(l)).map((l) => html`<li>${inline(l.replace(/^\s*\d+[.)]\s+/, ""))}</li>`)}</ol>`);
    } else if (line.startsWith(">")) {
      out.push(html`<blockquote>${block(take((l) => l.startsWith(">")).map((l) => l.replace(/^>\s?/, "")))}</blockquote>`);
    } else if (/^(-{3,}|\*{3,})\s*$/.test(line)) {
      out.push(html`<hr/>`);
      i++;
    } else {
      i++;
      const more = take((l) => l.trim() && !/^(#{1,6}\s|```|~~~|>|\s*[-*]\s|\s*\d+[.)]\s|\s*<\/?details)/.test(l) && !l.includes("|"));
      out.push(html`<p>${inline([line, ...more].join(" "))}</p>`);
    }
  }
  return out;
}

export const Markdown = ({ text }) => html`<div class="md">${block(vis(text.replaceAll("\r\n", "\n")).split("\n"))}</div>`;
