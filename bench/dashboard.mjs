// node dashboard.mjs URL: medians of some visits, for bench/dashboard.sh.
import { readFileSync } from "node:fs";
import { build } from "../web/node_modules/esbuild/lib/main.js";
import { chromium } from "../web/node_modules/playwright-core/index.mjs";

const base = process.argv[2], ROUNDS = 9;
const median = (xs) => [...xs].sort((a, b) => a - b)[xs.length >> 1];
const say = (what, ms, more = "") => console.log(`${what.padEnd(52)} ${ms.toFixed(0).padStart(6)} ms ${more}`);
const browser = await chromium.launch({ executablePath: process.env.CAIL_CHROMIUM, args: ["--no-sandbox", "--js-flags=--expose-gc"] });

async function visits(path, ready) {
  const paint = [], done = [];
  for (let i = 0; i < ROUNDS; i++) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.addInitScript((sel) => { // when what was asked for is in the page and was painted
      const look = () => (document.querySelector(sel) ? requestAnimationFrame(() => { window.readyAt = performance.now(); }) : requestAnimationFrame(look));
      look();
    }, ready);
    await page.goto(base + path);
    await page.waitForFunction(() => window.readyAt);
    done.push(await page.evaluate(() => window.readyAt));
    paint.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN));
    await context.close();
  }
  say(`${path}: first paint`, median(paint));
  say(`${path}: its data are painted`, median(done), `slowest of ${ROUNDS} ${Math.max(...done).toFixed(0)}`);
}

await visits("/queue", "#queued [data-row]");
await visits("/jobs", "[data-row]");
await visits("/comparisons", ".empty");
await visits("/jobs/2?tab=log", ".line .tx span");

{ // a key and a filter, with all that in the page
  const page = await browser.newPage();
  await page.goto(`${base}/queue`);
  await page.waitForSelector("#queued [data-row]");
  const times = [];
  for (const c of "waits wai".split("")) {
    times.push(await page.evaluate((char) => new Promise((done) => {
      const box = document.querySelector("#filter"), from = performance.now();
      box.value += char;
      box.dispatchEvent(new Event("input", { bubbles: true }));
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - from)));
    }), c));
  }
  say("/queue: a letter in the filter until it is painted", median(times), `slowest ${Math.max(...times).toFixed(0)}`);
  await page.close();
}

{ // a log of 100 MB: read to its end, scrolled through, searched
  const page = await browser.newPage();
  await page.goto(`${base}/jobs/2?tab=log`);
  await page.waitForSelector(".line .tx span");
  const read = await page.evaluate(() => new Promise((done) => {
    const look = () => (/lines, /.test(document.querySelector(".logbar").innerText) ? done(performance.now()) : requestAnimationFrame(look));
    look();
  }));
  say(`its ${await page.locator(".logbar .quiet").last().innerText()}: all read`, read);
  const frames = await page.evaluate(() => new Promise((done) => { // 300 steps from the top to the end, a step a frame
    const box = document.querySelector(".logbox"), times = [];
    let n = 0, last = performance.now();
    const step = (now) => {
      times.push(now - last);
      last = now;
      if (n === 300) return done(times.slice(1));
      box.scrollTop = (box.scrollHeight * n++) / 300;
      requestAnimationFrame(step);
    };
    box.scrollTop = 0;
    requestAnimationFrame(step);
  }));
  say("a step of scrolling through all of it", median(frames), `slowest of ${frames.length} ${Math.max(...frames).toFixed(0)}; ${await page.locator(".logbox .line").count()} lines are nodes`);
  const from = Date.now();
  await page.getByLabel("search the log").fill("[1399999/");
  await page.waitForFunction(() => document.querySelector(".hits").innerText === "1 of 1");
  say("a search that finds its last line but one", Date.now() - from);
  await page.close();
}

{ // 100,000 points by the plot that the pages use
  const made = await build({ stdin: { contents: 'import {render, html} from "./dom.js"; import {Plot} from "./plot.js"; window.draw = (data) => render(html`<${Plot} label="x" deps=${[]} make=${() => ({data, opts: {height: 300, scales: {x: {time: false}}, series: [{}, {stroke: "blue"}]}})} />`, document.body);', resolveDir: new URL("../web/src", import.meta.url).pathname }, bundle: true, write: false, format: "iife" });
  const css = readFileSync(new URL("../web/src/style.css", import.meta.url), "utf8");
  const page = await browser.newPage();
  await page.setContent(`<style>${css}</style><body></body>`);
  await page.addScriptTag({ content: made.outputFiles[0].text });
  const times = [];
  for (let i = 0; i < 5; i++) {
    times.push(await page.evaluate(() => new Promise((done) => {
      document.body.textContent = "";
      const x = Array.from({ length: 100000 }, (_, k) => k), y = x.map((k) => Math.sin(k / 900) + Math.random());
      const from = performance.now();
      window.draw([x, y]);
      const look = () => (document.querySelector("canvas") ? requestAnimationFrame(() => setTimeout(() => done(performance.now() - from))) : requestAnimationFrame(look));
      look();
    })));
    await page.reload().catch(() => {});
    await page.setContent(`<style>${css}</style><body></body>`);
    await page.addScriptTag({ content: made.outputFiles[0].text });
  }
  say("a plot of 100,000 points until it is painted", median(times));
  await page.close();
}

{ // memory under events: CAIL_BENCH_S seconds of 200 a second
  const seconds = Number(process.env.CAIL_BENCH_S ?? 60);
  const page = await browser.newPage();
  await page.goto(`${base}/queue`);
  await page.waitForSelector("#queued [data-row]");
  const heap = () => page.evaluate(() => { gc(); return performance.memory.usedJSHeapSize / 1048576; });
  const headers = { "Content-Type": "application/json" };
  const ids = (await fetch(`${base}/jobs?state=queued&limit=100`).then((r) => r.json())).jobs.map((j) => j.id);
  const events = async (ms) => { // ten every 50 ms, each answer is one event; how many in all
    const from = Date.now();
    let n = 0;
    while (Date.now() < from + ms) {
      await Promise.all(Array.from({ length: 10 }, () => fetch(`${base}/jobs/${ids[n % ids.length]}`, { method: "PATCH", headers, body: JSON.stringify({ priority: n++ % 100 }) })));
      await new Promise((r) => setTimeout(r, Math.max(0, from + n * 5 - Date.now())));
    }
    return n;
  };
  await events(5000);
  const before = await heap();
  const n = await events(seconds * 1000);
  const after = await heap();
  console.log(`heap of the page before and after ${seconds} s`.padEnd(52), `${before.toFixed(1)} MiB, ${after.toFixed(1)} MiB; ${(n / seconds).toFixed(0)} events a second`);
}
await browser.close();
