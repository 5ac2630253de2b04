import { html } from "../dom.js";
import { post, useGet } from "../api.js";
import * as fmt from "../fmt.js";
import { Act, Ago, Bar, Cmd, Empty, Facts, Fetched, Flag, Head, Section, Table } from "../ui.js";

function Missing({ of: m }) {
  return html`<span class="bad">${m.tool}</span>${m.need ? ` ${m.need} or newer` : ""}${m.found ? `, here is ${m.found}` : ""}`;
}

export function Env() {
  const env = useGet("/env");
  const version = useGet("/version");
  return html`<${Head} title="Environment" />
    <${Fetched} of=${env} what="the machine" rows=${12}>${(d) => {
      const packages = [...new Set(d.recipes.flatMap((r) => r.missing.map((m) => m.package)).filter(Boolean))];
      return html`
      <${Facts} of=${[["host", d.host], ["system", d.os], ["kernel", d.kernel], ["cpus", d.cpus], ["memory", fmt.mib(d.memory_mib)], ["driver", d.driver],
        ["docker", d.docker && (d.docker.usable ? d.docker.version : d.docker.reason)], ["containers by", d.containers && (d.containers.engine ?? d.containers.reason)], ["builds", d.build_root && html`<code>${d.build_root}</code>`],
        ["free there", d.free_disk_bytes && fmt.bytes(d.free_disk_bytes)]]} />
      <${Section} id="ready" title="Recipes" note=${`${d.recipes.filter((r) => r.ready).length} of ${d.recipes.length} are ready`}>
        <${Table} label="recipes" heads=${["recipe", "state", "what it lacks"]}>
        ${d.recipes.map((r) => html`<tr key=${r.name}><td><a href=${`/recipes/${encodeURIComponent(r.name)}`}>${r.name}</a></td>
          <td>${r.ready ? html`<span class="state good"><i aria-hidden="true">✓</i>ready</span>` : html`<span class="state warn"><i aria-hidden="true">▲</i>not ready</span>`}</td>
          <td class="wrap">${r.missing.map((m, i) => html`${i > 0 && "; "}<${Missing} of=${m} />`)}</td></tr>`)}<//>
        ${packages.length > 0 && html`<p class="quiet">What is missing here is in these packages:</p><${Cmd}>sudo apt-get install ${packages.join(" ")}<//>`}<//>
      <${Section} id="tools" title="Tools" note=${`${d.tools.filter((t) => t.path).length} of ${d.tools.length} found`}>
        <${Table} label="tools" heads=${["tool", "version", "where", "package"]}>
        ${d.tools.map((t) => html`<tr key=${t.name}><td>${t.name}</td><td class="num">${t.path ? t.version ?? "–" : html`<${Flag}>not here<//>`}</td><td><code>${t.path}</code></td><td class="quiet">${t.package}</td></tr>`)}<//><//>`;
    }}<//>
    ${version.data && html`<${Section} id="cail" title="cail-d"><${Facts} of=${[["version", version.data.version], ["process", version.data.pid], ["up since", html`<${Ago} at=${version.data.started_at} />`],
      ["SQLite", version.data.sqlite], ["libmicrohttpd", version.data.libmicrohttpd], ["libuv", version.data.libuv], ["state", html`<code>${version.data.state_dir}</code>`],
      ["figures", html`<a href="/metrics">/metrics</a>`], ["contract", html`<a href="/openapi.json">/openapi.json</a>`], ["builds", html`<a href="/cache">build cache</a>`]]} /><//>`}`;
}

export function Cache() {
  const cache = useGet("/cache", (name, d) => name === "job" && d.finished_at ? true : undefined);
  return html`<${Fetched} of=${cache} what="the build cache">${(d) => html`
    <${Head} title="Build cache" sub=${html`<code>${d.root}</code>`}><${Act} danger run=${() => post("/cache/prune", {}).then(() => cache.reload())}>remove old builds<//><//>
    <p><${Bar} done=${d.used_bytes} total=${d.limit_bytes} label="disk in use" /> <span class="num">${fmt.bytes(d.used_bytes)} of ${fmt.bytes(d.limit_bytes)}</span></p>
    ${d.entries.length ? html`<${Table} label="builds" heads=${["recipe", "parameters", "commit", "state", "#size", "#used", "#last used", "#job", "remark"]}>
      ${d.entries.map((e) => html`<tr key=${e.key}><td>${e.recipe}</td><td class="wrap quiet">${fmt.params(e.params)}</td><td><code>${e.sha?.slice(0, 12)}</code></td><td>${e.state}</td><td class="n">${fmt.bytes(e.bytes)}</td><td class="n">${e.uses} ×</td>
        <td class="n"><${Ago} at=${e.last_used_at} /></td><td class="n"><a href=${`/jobs/${e.job}`}>${e.job}</a></td><td>${e.pinned && html`<${Flag} tone="plain">kept for ${e.pinned}<//>`}${e.evict && html`<${Flag}>goes next<//>`}</td></tr>`)}<//>`
      : html`<${Empty} title="No build is kept yet. A recipe with a build step makes one:" cmd=${`curl ${location.origin}/jobs -d recipe=setup-llvm -d params.targets=FileCheck`} />`}`}<//>`;
}
