import { html, useState } from "../dom.js";
import { post, useGet } from "../api.js";
import { raw } from "../door.js";
import { Markdown } from "../markdown.js";
import { go, useAddress } from "../route.js";
import { Cmd, Empty, Fetched, Flag, Head, Section, Trouble } from "../ui.js";

export function Recipes() {
  const all = useGet("/recipes");
  return html`<${Head} title="Recipes" sub="Pick one to run it. What they are made of lies in recipes/." />
    <${Fetched} of=${all} what="the recipes" rows=${10}>${(d) => {
      const groups = [...new Set(d.recipes.map((r) => r.group))].sort();
      return d.recipes.length ? groups.map((g) => html`<${Section} key=${g} id=${g.replaceAll("/", "-")} title=${g}><ul class="recipes">${d.recipes.filter((r) => r.group === g).map((r) => html`
        <li key=${r.name} data-row=${r.name}><a href=${`/recipes/${encodeURIComponent(raw(r.name))}`}>${r.name}</a><span>${r.summary}</span><${Flag} tone="plain">${r.kind}<//></li>`)}</ul><//>`)
        : html`<${Empty} title="No recipe is there. cail-d was given a folder without any:" cmd="cail-d --recipes DIR" />`;
    }}<//>`;
}

/** 128 bits from the browser: the same form twice is the same job. */
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

function Field({ name, spec, value, set, error }) {
  const id = `p-${name}`;
  const about = { id, name, "aria-describedby": `${id}-about`, "aria-invalid": error ? "true" : undefined, required: spec.required };
  const input = spec.type === "bool" ? html`<input type="checkbox" ...${about} required=${false} checked=${value === true} onChange=${(e) => set(e.target.checked)} />`
    : spec.choices ? html`<select ...${about} value=${value} onChange=${(e) => set(e.target.value)}>${spec.choices.map((c) => html`<option key=${c} value=${c}>${String(c)}</option>`)}</select>`
    : spec.type === "int" ? html`<input type="number" ...${about} min=${spec.min} max=${spec.max} step="1" value=${value} onInput=${(e) => set(e.target.value === "" ? "" : Number(e.target.value))} />`
    : html`<input type="text" ...${about} value=${value} placeholder=${spec.default === "" ? "(empty)" : ""} autocomplete="off" spellcheck=${false} onInput=${(e) => set(e.target.value)} />`;
  const range = spec.type === "int" && spec.min !== undefined && spec.min !== null ? `${spec.min} to ${spec.max}` : spec.pattern ? html`like <code>${spec.pattern}</code>` : "";
  return html`<div class="field ${error ? "wrong" : ""}"><label for=${id}>${name}${spec.required && html` <span class="bad">needed</span>`}</label>${input}
    <p id="${id}-about" class="quiet">${spec.description} ${range && html`<span class="range">${range}</span>`}${error && html`<span class="bad" role="alert">${error}</span>`}</p></div>`;
}

function Form({ recipe }) {
  const { query } = useAddress();
  const specs = Object.entries(recipe.params);
  const from = (n, s) => {
    const asked = query.get(`params.${n}`);
    return asked === null ? s.default ?? (s.type === "bool" ? false : "") : s.type === "int" ? Number(asked) : s.type === "bool" ? asked === "true" : asked;
  };
  const [values, setValues] = useState(() => Object.fromEntries(specs.map(([n, s]) => [n, from(n, s)])));
  const [options, setOptions] = useState({ name: "", priority: "", cpus: "", gpus: "", pr: "" });
  const [problem, fail] = useState(null);
  const [busy, setBusy] = useState(false);
  const [key, setKey] = useState(newKey);
  const change = (n) => (v) => { setValues({ ...values, [n]: v }); setKey(newKey()); };
  const option = (n) => (e) => { setOptions({ ...options, [n]: e.target.value }); setKey(newKey()); };
  const params = Object.fromEntries(specs.filter(([n, s]) => values[n] !== "" && values[n] !== s.default).map(([n]) => [n, typeof values[n] === "string" ? raw(values[n]) : values[n]]));
  const needs = {};
  if (options.cpus) needs.cpus = options.cpus === "all" ? "all" : Number(options.cpus);
  if (options.gpus) needs.gpus = Number(options.gpus);
  const request = { recipe: raw(recipe.name), params, ...(options.name && { name: options.name }), ...(options.pr && { pr: options.pr }),
    ...(options.priority && { priority: Number(options.priority) }), ...(Object.keys(needs).length && { needs }) };
  const submit = async (e) => {
    e.preventDefault();
    setBusy(true);
    fail(null);
    try {
      const job = await post("/jobs", request, { "Idempotency-Key": key });
      go(`/jobs/${job.id}`);
    } catch (err) {
      fail(err);
      setBusy(false);
    }
  };
  const errorOf = (p) => problem?.errors.find((x) => x.pointer === p)?.detail;
  const quote = (s) => (/^[\w@%+=:,./-]*$/.test(s) ? s : `'${String(s).replaceAll("'", "'\\''")}'`);
  const line = [`cail run ${quote(recipe.name)}`, ...Object.entries(params).map(([k, v]) => `-p ${quote(`${k}=${v}`)}`), ...(needs.cpus ? [`--cpus ${needs.cpus}`] : []), ...(needs.gpus ? [`--gpus ${needs.gpus}`] : []),
    ...(options.priority ? [`--priority ${options.priority}`] : [])].join(" ");
  return html`<form class="form" onSubmit=${submit}>
    ${specs.map(([n, s]) => html`<${Field} key=${n} name=${n} spec=${s} value=${values[n]} set=${change(n)} error=${errorOf(`/params/${n}`)} />`)}
    <details><summary>name, priority, what it needs</summary>
      ${[["name", "text", "How it is called in lists"], ["priority", "number", "-100 to 100; higher starts earlier"], ["cpus", "text", "A number, or all"], ["gpus", "number", "How many cards"], ["pr", "text", "Address of the pull request it is for"]].map(([n, type, about]) => html`
      <div class="field" key=${n}><label for=${`o-${n}`}>${n}</label><input id=${`o-${n}`} type=${type} value=${options[n]} onInput=${option(n)} autocomplete="off" aria-describedby=${`o-${n}-about`} /><p id=${`o-${n}-about`} class="quiet">${about}</p></div>`)}</details>
    <${Trouble} error=${problem} />
    <p class="go"><button type="submit" class="primary" disabled=${busy}>${busy ? "queueing…" : `Queue ${recipe.name}`}</button><span class="quiet">The same from a terminal:</span></p><${Cmd}>${line}<//></form>`;
}

export function Recipe({ name }) {
  const r = useGet(`/recipes/${encodeURIComponent(raw(name))}`);
  const env = useGet("/env");
  return html`<${Fetched} of=${r} what="the recipe" missing=${html`<${Head} title=${name} /><p>There is no such recipe. <a href="/recipes">All recipes</a></p>`}>${(d) => {
    const state = env.data?.recipes.find((x) => x.name === d.name);
    return html`<${Head} title=${d.name} sub=${d.summary}><a class="button" href=${`/jobs?recipe=${encodeURIComponent(raw(d.name))}`}>its jobs</a><//>
      ${state && !state.ready && html`<p class="note warn">Not ready on this machine: it lacks ${state.missing.map((m) => `${m.tool}${m.need ? ` ${m.need}` : ""}`).join(", ")}. <a href="/env">Environment</a></p>`}
      <div class="two"><div><${Form} key=${d.name} recipe=${d} /></div>
      <aside><h2>Steps</h2><ol class="steps">${d.steps.map((s) => html`<li key=${s.name}><b>${s.name}</b> ${s.cached && html`<${Flag} tone="plain">kept in the cache<//>`}
          ${s.needs && html`<span class="quiet">${s.needs.cpus === "all" ? "all cpus" : s.needs.cpus ? `${s.needs.cpus} cpu` : ""}${s.needs.gpus ? `, ${s.needs.gpus} gpu` : ""}</span>`}</li>`)}</ol>
        ${d.requires?.tools?.length > 0 && html`<h2>Tools</h2><p class="quiet">${d.requires.tools.map((t) => `${t.name}${t.min ? ` ≥ ${t.min}` : ""}${t.optional ? " (optional)" : ""}`).join(", ")}</p>`}
        ${d.notes && html`<h2>Notes</h2><${Markdown} text=${d.notes} />`}</aside></div>`;
  }}<//>`;
}
