// node build.mjs OUT: bundles src/ into OUT/{index.html,app.js,app.css}.gz. The script's and the
// style's addresses carry the hash that the daemon finds in them (first 16 digits of the SHA-256 of
// the compressed bytes), so browsers may keep them for good.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import babel from "@babel/core";
import htm from "babel-plugin-htm";
import zopfli from "@gfx/zopfli";
import { build } from "esbuild";
import { minify } from "terser";

const LIMIT_BYTES = 60 * 1024; // of everything that a first visit loads
const web = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(web, "dist");

// What of uPlot is not drawn here: time axes (its x are seconds or places in a series), its legend,
// bars, steps and splines, scatter plots, scales of other kinds than linear and logarithmic.
const UNUSED = [
  [/const FEAT_TIME +=.*/, "const FEAT_TIME = false;"],
  [/const showLegend = legend\.show;/, "const showLegend = false;"],
  [/\bmode == 1\b/g, "true"],
  [/\bmode == 2\b/g, "false"],
  [/(sc\.)?distr == (4|100)\b/g, "false"],
  [/^const snapAsinhX = .*/gm, ""],
  [/\[_min, _max\] = rangeAsinh\(.*/, ";"],
  [/let isTime = [^;]*;/g, "const isTime = false;"],
  [/const \[ ?timeIncrs(Ms|S),.*genTimeStuffs.*/g, ""],
  [/const _time(AxisSplits|AxisVals|SeriesVal) +=.*/g, ""],
  [/const _(tzDate|fmtDate) +=.*/g, ""],
  [/^uPlot\.(assign|fmtNum|rangeLog|rangeAsinh|orient|pxRatio) +=.*/gm, ""],
  [/\n\{\n\tuPlot\.join[\s\S]*?\n\}/, ""],
  [/\n\{\n\tuPlot\.fmtDate[\s\S]*?\n\}/, ""],
  [/\n\{\n\tuPlot\.addGap[\s\S]*\n\}/, ""],
];
const lean = {
  name: "lean",
  setup(b) {
    b.onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => {
      let code = readFileSync(path, "utf8");
      for (const [what, by] of UNUSED) {
        if (code.search(what) < 0) throw new Error(`uPlot has no ${what}: look at UNUSED in build.mjs`);
        code = code.replace(what, by);
      }
      return { contents: code };
    });
    // Templates become calls of h here: smaller than their text, and nothing is parsed in the browser.
    b.onLoad({ filter: /src\/.*\.js$/ }, ({ path }) => ({ contents: babel.transformFileSync(path, {
      configFile: false, babelrc: false, plugins: [[htm, { pragma: "vnode_", import: { module: "preact", export: "h" }, useBuiltIns: true, useNativeSpread: true }]],
    }).code }));
  },
};

const made = await build({
  absWorkingDir: web, plugins: [lean], entryPoints: [{ in: "src/main.js", out: "app" }], outdir: out, write: false,
  bundle: true, format: "esm", minify: true, target: "es2022", charset: "utf8", legalComments: "none",
});
const text = (suffix) => made.outputFiles.find((f) => f.path.endsWith(suffix)).text;
// A second look at the script finds another 3 KB: what is unused inside functions.
const script = await minify(text(".js"), { module: true, ecma: 2020, compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true, pure_getters: true } });

let total = 0;
mkdirSync(out, { recursive: true });
async function put(name, content) {
  const packed = Buffer.from(await zopfli.gzipAsync(Buffer.from(content), { numiterations: 15 }));
  writeFileSync(join(out, `${name}.gz`), packed);
  total += packed.length;
  return createHash("sha256").update(packed).digest("hex").slice(0, 16);
}

const js = await put("app.js", script.code), css = await put("app.css", text(".css"));
const page = readFileSync(join(web, "src/index.html"), "utf8")
  .replace("app.js", `app.${js}.js`).replace("app.css", `app.${css}.css`);
await put("index.html", page);
if (total > LIMIT_BYTES) throw new Error(`the dashboard has ${total} bytes, ${LIMIT_BYTES} is the most`);
console.log(`dashboard: ${total} bytes compressed`);
