import { html, useEffect } from "../dom.js";
import { post, useGet } from "../api.js";
import * as fmt from "../fmt.js";
import { Act, Bar, Copy, Empty, Facts, Fetched, Flag, Head, State } from "../ui.js";

const mw = (v) => (v === null || v === undefined ? "–" : `${(v / 1000).toFixed(0)} W`);

const leaseText = (l) => (l?.job ? html` <a href=${`/jobs/${l.job}`}>job ${l.job}</a>` : "");

/** A line of small boxes, one a card. */
export function GpuStrip({ gpus }) {
  return html`<ul class="gpustrip" aria-label="cards">${gpus.map((g) => html`<li key=${g.uuid} class=${g.state} title=${`${g.model}: ${g.reason ?? g.state}`}>
    <span class="who">GPU ${g.index}</span><${State} of=${g.state} />${leaseText(g.lease)}
    <span class="num quiet">${g.live?.util_pct ?? "–"} % · ${mw(g.live?.power_mw)} · ${g.live?.temp_c ?? "–"} °C</span></li>`)}</ul>`;
}

const Meter = ({ label, done, total, text }) => html`<div class="meter"><span>${label}</span><${Bar} done=${done ?? 0} total=${total || 1} label=${label} /><span class="num">${text}</span></div>`;

function Card({ gpu: g }) {
  const l = g.live ?? {};
  const slowed = (l.clock_reasons ?? []).filter((r) => !["idle", "app_clocks", "applications_clocks"].includes(r));
  const verb = g.drained || g.quarantine || g.xid ? "undrain" : "drain";
  return html`<article class="card ${g.state}" aria-label=${`GPU ${g.index}`}>
    <header><h2>GPU ${g.index}</h2><${State} of=${g.state} />${leaseText(g.lease)}
      <span class="actions"><${Act} run=${() => post(`/gpus/${encodeURIComponent(g.uuid)}/${verb}`, {})} label=${`${verb} GPU ${g.index}`}>${verb}<//></span></header>
    <p class="model">${g.model}</p>
    <p class="quiet why">${g.reason ?? "nothing is on it"}</p>
    <${Meter} label="busy" done=${l.util_pct} total=${100} text=${`${l.util_pct ?? "–"} %`} />
    <${Meter} label="memory" done=${l.used_mib} total=${g.memory_mib} text=${`${fmt.mib(l.used_mib ?? 0)} of ${fmt.mib(g.memory_mib)}`} />
    <${Meter} label="power" done=${l.power_mw} total=${g.power_limit_mw} text=${`${mw(l.power_mw)} of ${mw(g.power_limit_mw)}`} />
    <${Meter} label="SM clock" done=${l.sm_mhz} total=${g.sm_max_mhz} text=${`${l.sm_mhz ?? "–"} of ${g.sm_max_mhz ?? "–"} MHz`} />
    <p class="below"><span class="num">${l.temp_c ?? "–"} °C</span>
      ${slowed.length ? slowed.map((r) => html`<${Flag} key=${r}>${r.replaceAll("_", " ")}<//>`) : html`<span class="quiet">not slowed</span>`}
      ${g.health && g.health !== "healthy" && html`<${Flag} tone="bad">${g.health}<//>`}
      ${g.display && html`<${Flag} tone="plain">display<//>`}${g.evidence?.visibility === "partial" && html`<${Flag} tone="plain">processes not visible<//>`}</p>
    ${g.processes?.length > 0 && html`<ul class="procs">${g.processes.map((p) => html`<li key=${p.pid}><span class="num">${p.pid}</span> ${p.command ?? p.name ?? ""}
      <span class="quiet">${p.user ?? ""} ${p.used_mib ? fmt.mib(p.used_mib) : ""}</span></li>`)}</ul>`}
    <details><summary>more</summary><${Facts} of=${[["uuid", html`<code>${g.uuid}</code> <${Copy} text=${g.uuid} />`], ["bus", g.bus], ["vbios", g.vbios], ["compute", g.compute],
      ["memory clock", l.mem_mhz && `${l.mem_mhz} MHz`], ["PCIe", l.pcie_gen && `gen ${l.pcie_gen} ×${l.pcie_width}`], ["performance state", l.pstate !== undefined && `P${l.pstate}`],
      ["ECC", g.ecc === null ? null : g.ecc ? `on, ${l.ecc_uncorrected ?? 0} uncorrected` : "off"], ["MIG", g.mig ? "on" : null], ["baseline", g.evidence?.baseline_mib !== null && fmt.mib(g.evidence?.baseline_mib)],
      ["set aside", g.drain_note], ["quarantine", g.quarantine], ["Xid", g.xid]]} /></details></article>`;
}

export function Gpus() {
  const gpus = useGet("/gpus", (name) => name === "gpu" || (name === "job" ? true : undefined));
  // Figures of cards change without an event: they are asked for while somebody looks.
  useEffect(() => {
    const t = setInterval(() => document.hidden || gpus.reload?.(), 2000);
    return () => clearInterval(t);
  }, [gpus]);
  return html`<${Fetched} of=${gpus} what="the cards" rows=${8}>${(d) => html`
    <${Head} title="GPUs" sub=${d.driver && `driver ${d.driver} · CUDA ${Math.floor(d.cuda / 1000)}.${Math.floor((d.cuda % 1000) / 10)}`} />
    ${d.gpus.length ? html`<div class="cards">${d.gpus.map((g) => html`<${Card} key=${g.uuid} gpu=${g} />`)}</div>`
      : html`<${Empty} title=${`No card: ${d.reason ?? "none is listed"}.`} cmd="nvidia-smi -L" />`}`}<//>`;
}
