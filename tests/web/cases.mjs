// node cases.mjs CASE BASE [ARGS as JSON]: one case against a real daemon; exit 0 = it holds.
import { readFileSync } from "node:fs";
import { ask, check, equal, open, until } from "./browser.mjs";

const [name, base, text] = process.argv.slice(2);
const args = JSON.parse(text ?? "{}");
const settled = (page) => until(async () => (await page.locator(".loading").count()) === 0 && (await page.locator(".live.good").count()) === 1, "the page is loaded and live");
const visit = async (page, path) => { await page.goto(path); await settled(page); };
const seen = (page) => page.evaluate(() => document.body.innerText);

/** A comparison from its first round to its report. */
async function compare(page) {
  await visit(page, "/comparisons");
  await ask("compare");
  await until(async () => (await page.locator("[data-row]").count()) === 1, "it appears in the list, without a reload");
  await page.locator("[data-row] a").first().click();
  await until(async () => (await page.locator(".verdict .state").innerText()).includes("measuring"), "it is measured");
  await ask("compared");
  await until(async () => (await page.locator(".verdict .state").innerText()).includes("regression"), "its verdict, without a reload");
  await until(async () => (await page.locator(".rows tr.open svg.interval").getAttribute("aria-label")).startsWith("regression: +20"), "the interval of the worst one in words");
  equal(await page.locator(".rows tbody tr[data-row]").count(), 2, "figures");
  equal(await page.locator(".rows tr.open").count(), 1, "rows that are open");
  await until(async () => (await page.locator(".pairs svg").getAttribute("aria-label")).startsWith("8 rounds of"), "its rounds");
  await page.getByRole("button", { name: /no change/ }).click();
  await until(async () => new URL(page.url()).searchParams.get("verdict") === "same", "the filter is in the address");
  equal(await page.locator(".rows tbody tr[data-row]").count(), 1, "figures that fit");
  await page.reload();
  await settled(page);
  equal(await page.locator(".rows tbody tr[data-row]").count(), 1, "the address keeps the filter");
  await page.getByRole("button", { name: "copy as Markdown" }).click();
  await until(async () => (await seen(page)).includes("copied"), "the button says so");
  const report = await page.evaluate(() => navigator.clipboard.readText());
  equal(report, await page.evaluate(() => fetch("/comparisons/1/report").then((r) => r.text())), "the report");
  check(report.includes("regression"), report);
  await visit(page, "/");
  await until(async () => /llvm#7[^]*\+20\.00 %/.test(await page.locator("#prs").innerText()), "the open pull request with its effect");
  check((await page.locator("#verdicts").innerText()).includes("noise floor not known"), "the floor");
}

const cases = {
  /** Queue a recipe by its form, watch it run, read its log, copy how to run it again; then compare. */
  async flow({ page }) {
    await visit(page, "/recipes");
    await page.getByRole("link", { name: "walk", exact: true }).click();
    await page.getByLabel("steps", { exact: true }).fill("999");
    await page.getByRole("button", { name: "Queue walk" }).click();
    if (await page.locator(".field.wrong").count() === 0) // the browser's own check of min and max
      check(await page.getByLabel("steps", { exact: true }).evaluate((e) => !e.validity.valid), "999 steps are refused");
    await page.getByLabel("steps", { exact: true }).fill("3");
    await page.getByLabel("who").fill("a b");
    check((await page.locator(".cmd code").first().innerText()) === "cail run walk -p steps=3 -p 'who=a b'", "the form says its command");
    await page.getByRole("button", { name: "Queue walk" }).click();
    await page.waitForURL(/\/jobs\/\d+$/);
    await settled(page);
    const id = Number(/\d+$/.exec(page.url())[0]);
    await until(async () => (await seen(page)).includes("step 1 of a b"), "the log of the running job");
    check((await page.locator(".head .state").innerText()).includes("running"), "it runs");
    check((await page.locator(".prog").first().innerText()).includes("1/3"), "its progress");
    await ask(`go ${id}`);
    await until(async () => (await page.locator(".head .state").innerText()).includes("succeeded"), "its end, without a reload");
    await until(async () => (await seen(page)).includes("step 3 of a b"), "the last line");
    equal(await page.locator(".lines .f2").first().innerText(), "green", "a coloured word");
    check(!(await seen(page)).includes("\x1b"), "no escape sequence is shown");
    await page.getByRole("tab", { name: "Metrics" }).click();
    await until(async () => (await page.locator("tbody tr").count()) === 1, "one metric");
    equal((await page.locator("tbody td.n").first().innerText()).trim(), "12.5", "its value");
    await page.getByRole("tab", { name: "Run it again" }).click();
    await page.getByRole("button", { name: "copy" }).click();
    await until(async () => (await seen(page)).includes("copied"), "the button says so");
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    equal(copied, await page.evaluate((n) => fetch(`/jobs/${n}/repro`).then((r) => r.text()), id), "the clipboard");
    await page.goBack();
    await page.goto("/queue");
    await until(async () => (await page.locator(`tr[data-row="${id}"]`).innerText()).includes("succeeded"), "the queue lists it as ended");
    await compare(page);
  },

  /** What identical code did, and the search for a commit. */
  async noise({ page }) {
    await visit(page, "/bisections");
    await ask("bisect");
    await until(async () => /finished/.test(await page.locator("[data-row]").innerText()), "it appears and ends, without a reload");
    await visit(page, "/comparisons");
    await page.getByRole("link", { name: "noise", exact: true }).click();
    await page.waitForURL("**/noise");
    await settled(page);
    const row = page.locator("tr", { hasText: "still" });
    check((await row.innerText()).includes("18 more"), await row.innerText());
    equal(await row.locator("svg circle").count(), 2, "a dot a comparison");
    equal(await page.locator('nav [aria-current="page"]').innerText(), "Comparisons", "where we are");
    await visit(page, "/bisections");
    await page.getByRole("link", { name: "1", exact: true }).click();
    await page.waitForURL("**/bisections/1");
    await settled(page);
    const said = await page.locator(".verdict").innerText();
    check(said.includes(args.culprit) && said.includes(args.change), said);
    const measured = await page.locator("tbody tr").count();
    equal(await page.locator("svg.commits circle.bad, svg.commits circle.good").count(), measured + 1, "commits that were measured, and the good end");
  },

  /** What is told of pull requests and topics comes without a reload. */
  async told({ page }) {
    await visit(page, "/prs");
    await ask("pr");
    await until(async () => (await seen(page)).includes("Fold a constant"), "the new pull request");
    await visit(page, "/topics");
    await ask("topic");
    await until(async () => (await seen(page)).includes("topic/fold"), "the new topic");
  },

  /** Keys alone: filter, rows, open, hold. */
  async keys({ page }) {
    await visit(page, "/queue");
    await until(async () => (await page.locator("[data-row]").count()) >= 3, "three rows");
    await page.keyboard.press("/");
    await page.keyboard.type(args.name);
    await until(async () => new URL(page.url()).searchParams.get("filter") === args.name, "the filter is in the address");
    equal(await page.locator('section#queued [data-row]').count(), 1, "rows that fit");
    await page.keyboard.press("Tab");
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("j");
    equal(await page.evaluate(() => document.activeElement.closest("[data-row]").dataset.row), String(args.id), "the row");
    await page.keyboard.press("h");
    await until(async () => (await page.locator('section#held [data-row]').count()) === 1, "it is held");
    await page.locator('section#held [data-row] a').first().focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/jobs/${args.id}`);
    await page.keyboard.press("g");
    await page.keyboard.press("q");
    await page.waitForURL("**/queue");
    await page.keyboard.press("?");
    check(await page.locator("dialog[open]").count() === 1, "the help");
    await page.keyboard.press("Escape");
    await page.locator(`section#recent tr[data-row="${args.ended}"] a`).first().focus();
    await page.keyboard.press("g");
    await page.keyboard.press("r");
    await page.waitForURL("**/recipes");
    await visit(page, `/jobs/${args.ended}?tab=log`);
    equal(await page.evaluate(() => fetch("/jobs", { headers: { Accept: "application/json" } }).then((r) => r.json()).then((d) => d.jobs.length)), args.jobs, "jobs: g r goes, and runs nothing again");
    await page.keyboard.press("/");
    equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "search the log", "where one writes");
  },

  /** Comparisons of other kinds than paired figures, and a benchmark whose name an address must escape. */
  async kinds({ page }) {
    await visit(page, `/comparisons/${args.checks}`);
    const checks = page.locator("#checks tbody tr");
    equal((await checks.allInnerTexts()).map((t) => t.split(/\s+/).slice(0, 2).join(" ")), ["suite.t3 ✕new", "suite.t2 ✕still", "suite.t1 ✓fixed"], "checks");
    check((await page.locator(".verdict").innerText()).includes("1 check failed anew"), "the verdict in words");
    await visit(page, `/comparisons/${args.unpaired}`);
    await until(async () => (await page.locator(".pairs g circle").count()) === 16, "the samples of both");
    equal(await page.locator(".pairs g line").count(), 0, "lines between runs that are no pairs");
    await page.locator(".rows button.more-of").focus();
    await page.keyboard.press("Enter");
    await until(async () => (await page.locator(".pairs").count()) === 0, "the row is shut");
    await visit(page, "/benchmarks");
    await page.getByRole("link", { name: args.name }).click();
    await page.waitForURL("**/benchmarks/**");
    await settled(page);
    equal(await page.locator("h1").innerText(), args.name, "its series");
    check((await page.locator(".reading").innerText()).includes("3"), "its value");
    await page.goto("/benchmarks/a%E2%80%AE%25b");
    await settled(page);
    equal(await page.locator("h1").innerText(), "a\\u{202e}%b", "a name that nobody measured");
    await page.goto("/recipes/nosuch");
    await settled(page);
    equal(await page.locator("h1").innerText(), "nosuch", "a recipe that nobody wrote");
  },

  /** Strings of strangers are text, everywhere, and what hides or turns becomes visible. */
  async hostile({ page }) {
    const bad = /[\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/;
    for (const path of args.paths) {
      await visit(page, path);
      await until(async () => (await page.evaluate(() => document.body.textContent)).includes(args.shown), `${path} shows ${args.shown}`);
      const all = await page.evaluate(() => ({
        text: document.body.textContent + document.title + [...document.querySelectorAll("*")].flatMap((e) => [...e.attributes]).map((a) => a.value).join("\n"),
        scripts: [...document.scripts].map((s) => s.getAttribute("src")), made: document.querySelectorAll("img,iframe,object,embed,main style,[onerror],[onload],[onclick],marquee").length,
        links: [...document.links].map((a) => a.protocol), styles: document.querySelectorAll("[style*=url]").length, ran: window.ran,
      }));
      check(!bad.test(all.text), `${path} has ${JSON.stringify(bad.exec(all.text)?.[0])}`);
      equal(all.scripts.filter((s) => !/^\/assets\/app\.[0-9a-f]{16}\.js$/.test(s)), [], `${path}: scripts`);
      equal([all.made, all.styles, all.ran ?? null], [0, 0, null], `${path}: elements that strings made`);
      equal(all.links.filter((p) => !["http:", "https:"].includes(p)), [], `${path}: links`);
    }
  },

  /** The daemon goes and comes back: the page says so, and then shows what a fresh load shows. */
  async restart({ page }) {
    await visit(page, "/queue");
    const rows = () => page.locator("[data-row]").evaluateAll((all) => all.map((r) => `${r.dataset.row} ${r.querySelector(".state").textContent}`).sort());
    await until(async () => (await rows()).length === 2, "two jobs");
    let loads = 0;
    page.on("framenavigated", () => loads++);
    await ask("stop");
    await until(async () => (await page.locator('[role="alert"]').innerText()).includes("does not answer"), "it says that the daemon is gone");
    equal((await rows()).length, 2, "it keeps what it knew");
    await ask("start");
    await until(async () => (await page.locator(".live.good").count()) === 1, "live again");
    await until(async () => (await rows()).length === 3, "what was queued meanwhile");
    equal(await page.locator('[role="alert"]').count(), 0, "the notice is gone");
    equal(loads, 0, "loads of the page");
    const after = await rows();
    await visit(page, "/queue");
    await until(async () => (await rows()).length === 3, "a fresh load");
    equal(after, await rows(), "rows after a fresh load");
  },

  /** The same of other pages. */
  async back({ page, context }) {
    const shown = (p) => p.locator("main").innerText().then((t) => t.replace(/\d+ (s|min) ago|just now/g, "ago"));
    const fresh = await context.newPage();
    for (const path of args.paths) {
      await visit(page, path);
      await ask("stop");
      await until(async () => (await page.locator('[role="alert"]').count()) === 1, `${path} says that the daemon is gone`);
      await ask("start");
      await visit(fresh, path);
      await until(async () => (await shown(page)) === (await shown(fresh)), `${path} shows what a fresh load shows`);
      await until(async () => (await page.locator('[role="alert"]').count()) === 0, "the notice is gone");
    }
  },

  /** A long log: few nodes, the end is followed, searched, and its first error found. */
  async log({ page }) {
    await visit(page, `/jobs/${args.id}?tab=log`);
    const bar = () => page.locator(".logbar").innerText();
    await until(async () => (await bar()).replaceAll("\u2009", "").includes(`${args.lines} lines`), "all lines are counted");
    const nodes = () => page.locator(".line").count();
    check((await nodes()) < 120, `${await nodes()} lines are nodes`);
    await page.getByRole("button", { name: "first error" }).click();
    await until(async () => (await page.locator(".logbox .mark").count()) === 1 && (await page.locator(".logbox .mark").innerText()).includes("error: it broke"), "the first error");
    equal((await page.locator(".logbox .mark .no").innerText()).trim(), String(args.error), "its line");
    await page.getByLabel("search the log").fill("needle");
    await until(async () => (await bar()).includes("1 of 3"), "three hits");
    await page.keyboard.press("Enter");
    await until(async () => (await bar()).includes("2 of 3"), "the next hit");
    await until(async () => (await page.locator(".logbox .mark").innerText()).includes("needle"), "it is shown");
    await page.getByRole("button", { name: "to the end" }).click();
    await until(async () => (await page.locator(".logbox").innerText()).includes("the last line"), "the end");
    check((await nodes()) < 120, `${await nodes()} lines are nodes at the end`);
    await page.locator(".logbox").evaluate((e) => { e.scrollTop = e.scrollHeight / 2; });
    await until(async () => (await page.locator(".line .tx").allInnerTexts()).some((t) => t.startsWith("row ")), "the middle");
  },

  /** More lines than a scroll bar has pixels: the last one is reached. */
  async tall({ page }) {
    await visit(page, `/jobs/${args.id}?tab=log`);
    await until(async () => (await page.locator(".logbar").innerText()).replaceAll("\u2009", "").includes(`${args.lines} lines`), "all lines are counted");
    await page.locator(".logbox").evaluate((e) => { e.scrollTop = e.scrollHeight; });
    const last = page.locator(".line", { hasText: "error: and the end" });
    const below = () => last.evaluate((e) => e.getBoundingClientRect().bottom - document.querySelector(".logbox").getBoundingClientRect().bottom);
    await until(async () => (await last.count()) === 1 && (await below()) <= 0, "the last line is seen");
    await page.locator(".logbox").evaluate((e) => { e.scrollTop = 0; });
    await until(async () => (await page.locator(".line .tx").first().innerText()) === "1", "the first line");
    await page.getByRole("button", { name: "first error" }).click();
    await until(async () => (await page.locator(".logbox .mark").count()) === 1 && (await below()) <= 0, "the first error");
  },

  /** Thousands wait: few of them are nodes, all are found. */
  async many({ page }) {
    await visit(page, "/queue");
    await until(async () => (await page.locator("[data-row]").count()) >= 100, "rows");
    check((await page.locator("[data-row]").count()) <= 130, "a hundred are shown");
    await page.locator("#filter").fill(args.name);
    await until(async () => (await page.locator('section#queued [data-row]').count()) === 1, "the one that fits");
  },

  /** Each page, both schemes and a phone: nothing for axe, nothing outside, no fault. */
  async axe(it) {
    const axe = readFileSync(new URL("../../web/node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
    for (const path of args.paths) {
      await visit(it.page, path);
      // Through the debugger: the policy of the page lets no script in.
      const session = await it.context.newCDPSession(it.page);
      await session.send("Runtime.evaluate", { expression: axe });
      const { result, exceptionDetails } = await session.send("Runtime.evaluate", { awaitPromise: true, returnByValue: true,
        expression: `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) => r.violations.map((v) => v.id + ": " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " " + n.failureSummary).join(" | ")))` });
      check(!exceptionDetails, JSON.stringify(exceptionDetails));
      equal(result.value, [], `axe at ${path} (${args.scheme})`);
      const wide = await it.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      check(wide <= 0, `${path} is ${wide} px too wide`);
      await session.detach();
    }
  },
};

const it = await open(base, { scheme: args.scheme, width: args.width ?? 1280 });
let code = 0;
try {
  await cases[name](it);
  equal(it.faults, [], "faults");
  equal(it.outside, [], "requests to elsewhere");
} catch (e) {
  console.error(`${name}: ${e.stack}\nat ${it.page.url()}\nfaults: ${it.faults.join("\n")}\n${await seen(it.page).catch(() => "")}`);
  code = 1;
}
await it.browser.close();
process.exit(code);
