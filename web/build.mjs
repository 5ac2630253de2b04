// node build.mjs OUT: bundles src/ into OUT/{index.html,app.js,app.css}.gz. The script's and the
// style's addresses carry the hash that the daemon finds in them (first 16 digits of the SHA-256 of
// the compressed bytes), so browsers may keep them for good.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const LIMIT_BYTES = 60 * 1024; // of everything that a first visit loads
const web = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(web, "dist");

// What of uPlot is not drawn here: time axes (its x are seconds or places in a series), its legend,
// bars, steps and splines. A third of it, which its authors leave out of their smaller builds too.
const UNUSED = [
  [/const FEAT_TIME +=.*/, "const FEAT_TIME = false;"],
  [/const showLegend = legend\.show;/, "const showLegend = false;"],
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
    // Indentation inside templates would be shipped; line ends are kept, so positions in errors hold.
    b.onLoad({ filter: /src\/.*\.js$/ }, ({ path }) => ({ contents: readFileSync(path, "utf8").replace(/\n[ \t]+/g, "\n") }));
  },
};

const made = await build({
  absWorkingDir: web, plugins: [lean], entryPoints: [{ in: "src/main.js", out: "app" }], outdir: out, write: false,
  bundle: true, format: "esm", minify: true, target: "es2022", charset: "utf8", legalComments: "none",
});
const text = (suffix) => made.outputFiles.find((f) => f.path.endsWith(suffix)).contents;

let total = 0;
mkdirSync(out, { recursive: true });
function put(name, bytes) {
  const packed = gzipSync(bytes, { level: 9 });
  packed[9] = 3; // the system that packed it: the same bytes everywhere
  writeFileSync(join(out, `${name}.gz`), packed);
  total += packed.length;
  return createHash("sha256").update(packed).digest("hex").slice(0, 16);
}

const js = put("app.js", text(".js")), css = put("app.css", text(".css"));
const page = readFileSync(join(web, "src/index.html"), "utf8")
  .replace("app.js", `app.${js}.js`).replace("app.css", `app.${css}.css`);
put("index.html", page);
if (total > LIMIT_BYTES) throw new Error(`the dashboard has ${total} bytes, ${LIMIT_BYTES} is the most`);
console.log(`dashboard: ${total} bytes compressed`);
