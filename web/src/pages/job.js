import { html, useMemo, useState } from "../dom.js";
import { get, getText, useGet } from "../api.js";
import { raw, vis } from "../door.js";
import * as fmt from "../fmt.js";
import { isOver, JobActions, needs, remark, what } from "../jobs.js";
import { Log } from "../log.js";
import { setQuery, useAddress } from "../route.js";
import { Telemetry } from "../telemetry.js";
import { Ago, Bar, Copy, Empty, Facts, Fetched, Filter, Flag, Head, Loading, matcher, Progress, Sort, Span, State, Strip, Table, Tabs, Trouble, useNow, useSome } from "../ui.js";

const causeTone = (a) => (a.cause === undefined ? "busy" : a.cause === "exited" && a.exit_code === 0 ? "good" : a.cause === "canceled" ? "quiet" : "bad");
const causeText = (a) => (a.cause === undefined ? a.state : a.cause === "exited" ? (a.exit_code ? `exit ${a.exit_code}` : "done") : a.cause.replaceAll("_", " "));
const stepName = (j, i) => j.steps?.[i]?.name ?? j.steps?.[i] ?? null;

/** Waiting and running in proportion, from left to right. */
function Timeline({ job: j }) {
  const now = useNow(isOver(j) ? 3600000 : 1000);
  const end = j.finished_at ? +new Date(j.finished_at) : Math.max(now, Date.now()), start = +new Date(j.created_at);
  const parts = [];
  let at = start;
  const add = (from, to, tone, title, text) => { if (to > from) parts.push({ ms: to - from, tone, title, text }); };
  for (const a of j.attempts ?? []) {
    const from = a.started_at ? +new Date(a.started_at) : at, to = a.ended_at ? +new Date(a.ended_at) : end;
    const name = stepName(j, a.step) ?? `attempt ${a.number}`;
    add(at, from, "wait", `waited ${fmt.dur(from - at)}`, "waited");
    add(from, to, causeTone(a), `${name}: ${causeText(a)}, ${fmt.dur(to - from)}`, name);
    at = to;
  }
  if (!isOver(j) || !j.attempts?.length) add(at, end, "wait", `waits ${fmt.dur(end - at)}`, j.state);
  const total = parts.reduce((n, p) => n + p.ms, 0) || 1;
  return html`<ol class="timeline" aria-label="what it did">${parts.map((p, i) => html`<li key=${i} class=${p.tone} style=${{ flexGrow: Math.max(p.ms / total, 0.015) }} title=${p.title}>
    ${p.ms / total > 0.09 && html`<span>${p.text}</span><span class="num">${fmt.dur(p.ms)}</span>`}</li>`)}</ol>`;
}

/** The slowest edges of a build (.ninja_log) or events of a compiler (-ftime-trace) as bars. */
function Edges({ all }) {
  const edges = all.filter((r) => r.value > 0 && (r.metric === "edge_time" || (r.params.event && r.metric === "wall_time"))).sort((a, b) => b.value - a.value).slice(0, 20);
  return edges.length > 2 && html`<ul class="edges" aria-label="what took longest">${edges.map((r, i) => html`<li key=${i}><span>${r.params.output ?? r.params.event}</span><${Bar} done=${r.value} total=${edges[0].value} label=${r.params.output ?? r.params.event} /><span class="num">${fmt.num(r.value)} ${r.unit}</span></li>`)}</ul>`;
}

function Metrics({ id, summary }) {
  const all = useGet(`/jobs/${id}/results`, (name, d) => (name === "job" && d.id === id) || undefined);
  const { query } = useAddress();
  const filter = query.get("filter") ?? "", sort = query.get("sort") ?? "";
  const rows = useMemo(() => {
    const fits = matcher(filter);
    const list = (all.data?.results ?? summary ?? []).map((r) => ({ ...r, p: fmt.params(r.params) })).filter((r) => fits(`${r.benchmark} ${r.p} ${r.metric} ${r.unit} ${r.status}`));
    const key = sort.replace("-", ""), sign = sort.startsWith("-") ? -1 : 1;
    return key ? list.sort((a, b) => sign * (typeof a[key] === "number" ? a[key] - b[key] : String(a[key]).localeCompare(String(b[key])))) : list;
  }, [all.data, summary, filter, sort]);
  const [some, more] = useSome(rows);
  const sorts = (by, text = by, num) => html`<${Sort} by=${by} sort=${sort} onSort=${(s) => setQuery({ sort: s })} num=${num}>${text}<//>`;
  if (!all.data && !summary?.length) return all.error ? html`<${Trouble} error=${all.error} />` : html`<${Loading} />`;
  if (!(all.data?.results ?? summary).length) return html`<${Empty} title="It measured nothing. A line on its output, or a file, is all it takes:" cmd=${['echo "::cail metric name=latency value=3.2 unit=ms better=lower"', `curl ${location.origin}/jobs/${id}/results --data-binary @gbench.json`]} />`;
  return html`<${Edges} all=${all.data?.results ?? summary} /><p><${Filter} value=${filter} onInput=${(v) => setQuery({ filter: v })} label="filter metrics" /></p>
    <${Table} label="metrics" heads=${[sorts("benchmark"), sorts("metric"), sorts("value", "median", 1), "unit", "samples", sorts("n", "n", 1), "better"]}>${some.map((r, i) => html`<tr key=${i}><td class="wrap"><a href=${`/benchmarks/${fmt.path(raw(r.benchmark))}?metric=${encodeURIComponent(raw(r.metric))}`}>${r.benchmark}</a> <span class="quiet">${r.p}</span></td><td>${r.metric}</td>
      <td class="n">${r.status === "ok" ? fmt.num(r.value) : html`<${Flag} tone=${r.status === "failed" ? "bad" : "warn"}>${r.status.replaceAll("_", " ")}<//>`}</td><td class="unit">${r.unit}</td>
      <td><${Strip} samples=${r.samples} /></td><td class="n quiet">${r.n}</td><td class="quiet">${r.better === "neutral" ? "–" : r.better}</td></tr>`)}<//>${more}`;
}

/** A document as "a.b[0].c" -> value, in its order. */
function flat(v, at = "", out = new Map()) {
  if (v && typeof v === "object" && Object.keys(v).length) for (const [k, x] of Object.entries(v)) flat(x, Array.isArray(v) ? `${at}[${k}]` : at ? `${at}.${k}` : k, out);
  else if (at) out.set(at, v === null ? "null" : typeof v === "object" ? (Array.isArray(v) ? "[]" : "{}") : String(v));
  return out;
}

function Provenance({ id }) {
  const { query } = useAddress();
  const other = Number(query.get("with")) || null, filter = query.get("filter") ?? "";
  const mine = useGet(`/jobs/${id}/provenance`), theirs = useGet(other ? `/jobs/${other}/provenance` : null);
  const last = (d) => flat(d.attempts.at(-1)?.provenance ?? {});
  return html`<form class="line" onSubmit=${(e) => { e.preventDefault(); setQuery({ with: new FormData(e.target).get("with") }); }}>
      <label>differences to job <input name="with" type="number" min="1" defaultValue=${other ?? ""} class="short" /></label><button>compare</button>${other && html`<button type="button" onClick=${() => setQuery({ with: null })}>show all</button>`}
      <${Filter} value=${filter} onInput=${(v) => setQuery({ filter: v })} label="filter" /></form>
    <${Trouble} error=${theirs.error} what=${`job ${other}`} />
    <${Fetched} of=${mine} what="the provenance">${(d) => {
      const a = last(d), b = theirs.data ? last(theirs.data) : null, fits = matcher(filter);
      const keys = [...new Set([...a.keys(), ...(b?.keys() ?? [])])].filter((k) => (!b || a.get(k) !== b.get(k)) && fits(`${k} ${a.get(k)}`));
      if (!a.size) return html`<p class="none">Nothing is recorded yet; that happens when an attempt ends.</p>`;
      if (b && !keys.length) return html`<p class="none">No difference.</p>`;
      return html`<${Table} label="provenance" heads=${["what", `job ${id}`, ...(b ? [`job ${other}`] : [])]}>
        ${keys.map((k) => html`<tr key=${k}><td class="quiet">${k}</td><td class="wrap"><code>${a.get(k) ?? "–"}</code></td>${b && html`<td class="wrap"><code>${b.get(k) ?? "–"}</code></td>`}</tr>`)}<//>`;
    }}<//>`;
}

function Artifacts({ id }) {
  const list = useGet(`/jobs/${id}/artifacts`, (name, d) => (name === "job" && d.id === id) || undefined);
  return html`<${Fetched} of=${list} what="the artifacts">${(d) => (d.artifacts.length ? html`<${Table} label="artifacts" heads=${["file", "#size", "SHA-256"]}>
    ${d.artifacts.map((a) => html`<tr key=${a.name}><td><a download href=${`/jobs/${id}/artifacts/${fmt.path(raw(a.name))}`}>${a.name}</a> ${a.diff && html`<${Flag} tone="plain">compared<//>`}</td><td class="n">${fmt.bytes(a.bytes)}</td><td><code class="quiet">${a.sha256.slice(0, 16)}</code> <${Copy} text=${a.sha256} /></td></tr>`)}<//>`
    : html`<${Empty} title="It kept no file. What a job puts here is kept:" cmd=${'cp report.html "$CAIL_ARTIFACTS/"'} />`)}<//>`;
}

function Repro({ id }) {
  const [text, set] = useState(), [error, fail] = useState();
  useMemo(() => { getText(`/jobs/${id}/repro`).then((t) => set(t), fail); }, [id]);
  return html`<${Trouble} error=${error} />${text !== undefined && html`<p class="line"><${Copy} text=${() => text} /><a class="button" href=${`/jobs/${id}/repro`} download=${`job-${id}.sh`}>download</a><span class="quiet">runs the job again, here or elsewhere</span></p>
    <pre class="script" tabIndex="0" aria-label="script">${vis(text)}</pre>`}`;
}

function Why({ id }) {
  const why = useGet(`/jobs/${id}/why`, (name) => name === "job" || name === "queue" || undefined);
  return html`<${Fetched} of=${why} what="why">${(d) => html`${d.series && html`<p class="note warn">${d.series.sentence}</p>`}<p class="lead">${d.summary}${d.position && html` <span class="quiet">number ${d.position} in the queue</span>`}</p>
    ${d.constraints.length > 0 && html`<ul class="why">${d.constraints.map((c) => html`<li key=${c.name} class=${c.met ? "met" : "unmet"}><i aria-hidden="true">${c.met ? "✓" : "○"}</i><b>${c.name.replaceAll("_", " ")}</b><span>${c.met ? "" : html`<span class="sr">not met: </span>`}${c.detail}
      ${c.jobs.length > 0 && html` by ${c.jobs.map((n, i) => html`${i > 0 && ", "}<a href=${`/jobs/${n}`}>${n}</a>`)}`}</span></li>`)}</ul>`}`}<//>`;
}

function Attempts({ job: j }) {
  if (j.attempts.length < 2 && !j.attempts[0]?.unkillable) return "";
  return html`<details><summary>${fmt.plural(j.attempts.length, "attempt")}</summary><${Table} label="attempts" heads=${["#number", "step", "end", "#time", "#cpu", "#memory", "#log", "cards"]}>
    ${j.attempts.map((a) => html`<tr key=${a.id}><td class="n">${a.number}</td><td>${stepName(j, a.step)}</td><td><span class="state ${causeTone(a)}">${causeText(a)}</span> ${a.unkillable && html`<${Flag} tone="bad">left behind: ${a.unkillable}<//>`}</td>
      <td class="n">${fmt.dur(a.wall_ms)}</td><td class="n">${a.user_ms === undefined ? "" : fmt.dur(a.user_ms + a.system_ms)}</td><td class="n">${fmt.bytes(a.max_rss_bytes)}</td><td class="n"><a href=${`?tab=log&attempt=${a.number}`}>${fmt.bytes(a.log_bytes ?? 0)}</a></td><td class="quiet">${a.gpus?.join(", ")}</td></tr>`)}<//></details>`;
}

export function Job({ id }) {
  const { query } = useAddress();
  const job = useGet(`/jobs/${id}`, (name, d, now, soon) => {
    if (!now) return undefined;
    if (name === "job" && d.id === id) { soon(); return { ...now, ...d, attempts: now.attempts, results: now.results }; }
    return name === "attempt" && d.job === id ? { ...now, progress: d.progress } : undefined;
  });
  return html`<${Fetched} of=${job} what=${`job ${id}`} rows=${14} missing=${html`<${Head} title=${`Job ${id}`} /><p>There is no job ${id}. <a href="/jobs">All jobs</a></p>`}>${(j) => {
    const last = j.attempts.at(-1), over = isOver(j), held = j.needs.gpus > 0 || j.step_needs?.some((n) => n.gpus > 0) || j.attempts.some((a) => a.gpus?.length);
    const tabs = [["log", "Log"], ["metrics", "Metrics", j.results.length || null], ...(held ? [["cards", "Cards"]] : []), ["artifacts", "Artifacts"], ["provenance", "Provenance"], ["repro", "Run it again"], ["why", over ? "How it ended" : "Why"]];
    const asked = query.get("tab"), tab = tabs.some(([k]) => k === asked) ? asked : j.state === "queued" || j.state === "held" ? "why" : "log";
    const number = Number(query.get("attempt")) || undefined;
    return html`<${Head} title=${`${j.name}`} sub=${html`<span class="num">job ${j.id}</span> <${State} of=${j.state} /> ${j.flags.map((f) => html`<${Flag} key=${f}>${f.replaceAll("_", " ")}<//> `)}<span class="quiet">${remark(j)}</span>`}><${JobActions} job=${j} /><//>
      <${Timeline} job=${j} />
      <div class=${over ? "" : "progline"}>${j.progress && html`<${Progress} job=${j} /> <span class="quiet">${j.progress.label}</span>`}</div>
      <${Facts} of=${[["recipe", j.recipe && html`<a href=${`/recipes/${encodeURIComponent(raw(j.recipe))}`}>${j.recipe}</a> <span class="quiet">${fmt.params(j.params)}</span>`, "w2"], [j.command ? "command" : "script", !j.recipe && html`<code class="clip">${what(j)}</code>`, "w2"],
        ["kind", j.kind], ["needs", needs(j)], ["time", j.started_at && html`<${Span} from=${j.started_at} to=${j.finished_at} />`], ["queued", html`<${Ago} at=${j.created_at} />`],
        ["exit code", j.exit_code !== null && j.exit_code], ["signal", j.signal], ["most memory", fmt.bytes(last?.max_rss_bytes)], ["cpu time", last?.user_ms !== undefined && fmt.dur(last.user_ms + last.system_ms)],
        ["by", j.submitter.user], ["queue", j.queue !== "default" && j.queue], ["priority", j.priority !== 0 && j.priority], ["pull request", j.pr && (/^https:\/\//.test(j.pr) ? html`<a href=${j.pr} target="_blank" rel="noreferrer noopener">${j.pr}</a>` : j.pr)],
        ["group", j.group && html`<a href=${`/groups/${j.group}`}>${j.group}</a>`], ["labels", j.labels && fmt.params(j.labels)], ["after", j.after.length > 0 && j.after.map((a, i) => html`${i > 0 && ", "}<a href=${`/jobs/${a.job}`}>${a.job}</a> ${a.when}`)], ["folder", last && !last.files_gone && html`<code class="clip">${last.dir}</code>`, "w2"]]} />
      <${Attempts} job=${j} />
      <${Tabs} tabs=${tabs} now=${tab} onPick=${(k) => setQuery({ tab: k, filter: null, sort: null, with: null, attempt: null })} />
      <div id="panel" role="tabpanel" aria-labelledby=${`tab-${tab}`} class="panel">${{
        log: () => (last?.files_gone && !number ? html`<p class="none">The files of this job are gone; its figures stay.</p>` : html`<${Log} key=${`${id}-${number}-${j.attempts.length}`} job=${id} attempt=${number} over=${over} hole=${(number ? j.attempts.find((a) => a.number === number) : last)?.log_hole ?? null} />`),
        metrics: () => html`<${Metrics} id=${id} summary=${j.results} />`, cards: () => html`<${Telemetry} job=${j} />`, artifacts: () => html`<${Artifacts} id=${id} />`,
        provenance: () => html`<${Provenance} id=${id} />`, repro: () => html`<${Repro} id=${id} />`, why: () => html`<${Why} id=${id} />` }[tab]()}</div>`;
  }}<//>`;
}
