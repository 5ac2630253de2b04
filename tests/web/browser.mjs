// A Chromium that tells on the page: errors, refusals of the content policy, requests to elsewhere.
import { chromium } from "../../web/node_modules/playwright-core/index.mjs";

export const LIMIT_MS = 30000;

export async function open(base, { scheme = "light", width = 1280, height = 900 } = {}) {
  const browser = await chromium.launch({
    executablePath: process.env.CAIL_CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height }, baseURL: base, permissions: ["clipboard-read", "clipboard-write"] });
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  const faults = [], outside = [];
  page.on("pageerror", (e) => faults.push(`error: ${e.stack}`));
  page.on("dialog", (d) => { faults.push(`dialog: ${d.message()}`); d.dismiss(); });
  // A refused connection or a status of 4xx and 5xx is said on the console too: cases look for those themselves.
  page.on("console", (m) => { if (m.type() === "error" && !/Failed to load resource|ERR_/.test(m.text())) faults.push(`console: ${m.text()}`); });
  page.on("request", (r) => { const u = new URL(r.url()); if (u.protocol !== "data:" && u.origin !== new URL(base).origin) outside.push(r.url()); });
  await page.addInitScript(() => addEventListener("securitypolicyviolation", (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`)));
  return { browser, context, page, faults, outside };
}

export function check(holds, said) {
  if (!holds) throw new Error(said);
}

export const equal = (is, want, what) => check(JSON.stringify(is) === JSON.stringify(want), `${what}: ${JSON.stringify(is)}, not ${JSON.stringify(want)}`);

/** Ask again until it holds. */
export async function until(fn, what) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const v = await fn();
    if (v) return v;
    check(Date.now() < end, `it never came to hold: ${what}`);
    await new Promise((r) => setTimeout(r, 20));
  }
}

/** The other side of tests/e2e/test_dashboard.py: ask it for something, wait for its answer. */
const lines = [];
let waiting = null;
process.stdin.setEncoding("utf8").on("data", (text) => {
  lines.push(...text.split("\n").filter(Boolean));
  waiting?.();
});
export async function ask(word) {
  console.log(`ask ${word}`);
  while (!lines.length) await new Promise((r) => { waiting = r; });
  return lines.shift();
}
