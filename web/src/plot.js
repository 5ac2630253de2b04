// uPlot with the page's colours, and marks under the lines.
import uPlot from "uplot";
import { html, useEffect, useRef } from "./dom.js";

export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A variable's colour as the theme has it now: canvas does not know light-dark(). */
const probe = () => {
  const el = document.createElement("i");
  el.hidden = true;
  document.body.append(el);
  return el;
};
export function color(name) {
  const el = probe();
  el.style.color = `var(${name})`;
  const c = getComputedStyle(el).color;
  el.remove();
  return c;
}

/**
 * make() -> {opts, data}: called again when `deps` or the theme change. Data alone may change by
 * `data`. Height in opts; the width is that of the place.
 */
export function Plot({ make, data, deps, label }) {
  const place = useRef(), plot = useRef();
  useEffect(() => {
    const build = () => {
      plot.current?.destroy();
      const { opts, data: d } = make();
      const grey = color("--quiet"), line = color("--line");
      const axes = (opts.axes ?? [{}, {}]).map((a) => ({ stroke: grey, font: "11px system-ui", grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 }, ...a }));
      plot.current = new uPlot({ width: place.current.clientWidth, legend: { show: false }, ...opts, axes }, data ?? d, place.current);
    };
    build();
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: place.current.clientWidth, height: plot.current.height }));
    sized.observe(place.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const themed = new MutationObserver(build);
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    dark.addEventListener("change", build);
    return () => { sized.disconnect(); themed.disconnect(); dark.removeEventListener("change", build); plot.current?.destroy(); plot.current = null; };
  }, deps ?? []);
  useEffect(() => { if (data) plot.current?.setData(data); }, [data]);
  return html`<div class="plot" ref=${place} role="img" aria-label=${label}></div>`;
}

/** A colour of color() that lets what is behind it through. */
export const thin = (rgb, share) => rgb.replace(")", ` / ${share})`).replaceAll(",", "");

/** Shade spans [[from, to, colour]], mark [[at, colour, text]] on the x axis, draw levels [[from, to, y, colour]]. */
export function marks(spans, ticks = [], levels = []) {
  return { hooks: {
    drawClear: [(u) => {
      const { ctx } = u, { top, height } = u.bbox;
      ctx.save();
      for (const [from, to, fill] of spans) {
        const a = u.valToPos(Math.max(from, u.scales.x.min), "x", true), b = u.valToPos(Math.min(to, u.scales.x.max), "x", true);
        if (b < u.bbox.left || a > u.bbox.left + u.bbox.width) continue;
        ctx.fillStyle = fill;
        ctx.fillRect(a, top, Math.max(1, b - a), height);
      }
      ctx.restore();
    }],
    draw: [(u) => {
      const { ctx } = u, { top, height, left, width } = u.bbox, px = devicePixelRatio;
      ctx.save();
      ctx.font = `${11 * px}px system-ui`;
      ctx.textAlign = "left";
      ctx.textBaseline = "alphabetic";
      ctx.lineWidth = 2 * px;
      for (const [from, to, v, stroke] of levels) {
        const y = u.valToPos(v, "y", true), a = Math.max(left, u.valToPos(from, "x", true)), b = Math.min(left + width, u.valToPos(to, "x", true));
        if (b < a) continue;
        ctx.strokeStyle = stroke;
        ctx.beginPath();
        ctx.moveTo(a, y);
        ctx.lineTo(b, y);
        ctx.stroke();
      }
      ctx.lineWidth = px;
      for (const [at, stroke, text] of ticks) {
        const x = u.valToPos(at, "x", true);
        if (x < left || x > left + width) continue;
        ctx.strokeStyle = ctx.fillStyle = stroke;
        ctx.setLineDash([3 * px, 3 * px]);
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, top + height);
        ctx.stroke();
        if (text) ctx.fillText(text, x + 4 * px, top + 11 * px);
      }
      ctx.restore();
    }],
  } };
}
