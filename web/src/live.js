// The daemon's events, one stream for the page. A hidden page lets go of it: browsers allow six
// connections to a host, and many open tabs would use them up.
import { parse } from "./door.js";

const RETRY_MS = 400;
const NAMES = ["job", "attempt", "queue", "gpu", "comparison", "bisection", "pr", "topic"];
const readers = new Set(), watchers = new Set();
let source = null, timer = 0, lastId = "", state = "connecting", lost = false;

/** fn(name, data); "resync" = something was missed, fetch afresh. Returns how to stop. */
export function onEvent(fn) {
  readers.add(fn);
  return () => readers.delete(fn);
}

/** fn(state): connecting, live, offline or asleep; now and at each change. */
export function onState(fn) {
  watchers.add(fn);
  fn(state);
  return () => watchers.delete(fn);
}
export const liveState = () => state;

function become(now) {
  if (now === state) return;
  state = now;
  for (const fn of watchers) fn(now);
}

function tell(name, data) {
  for (const fn of readers) fn(name, data);
}

function connect() {
  timer = 0;
  source = new EventSource(`/events${lastId ? `?last_event_id=${encodeURIComponent(lastId)}` : ""}`);
  source.onopen = () => {
    become("live");
    if (lost) { lost = false; tell("resync", {}); }
  };
  // The browser's own way to try again gives up on an answer of 503, which a daemon that is just
  // stopping or starting gives.
  source.onerror = () => {
    source.close();
    lost = true;
    become("offline");
    timer ||= setTimeout(connect, RETRY_MS);
  };
  for (const name of [...NAMES, "resync"])
    source.addEventListener(name, (e) => {
      if (e.lastEventId) lastId = e.lastEventId;
      tell(name, name === "resync" ? {} : parse(e.data));
    });
}

function stop() {
  clearTimeout(timer);
  timer = 0;
  source?.close();
  source = null;
}

export function start() {
  const sleep = () => { stop(); become("asleep"); };
  const wake = () => { if (!source && !timer) { become("connecting"); connect(); } };
  document.addEventListener("visibilitychange", () => (document.hidden ? sleep() : wake()));
  // A page that is left may be kept for the way back, its stream with it.
  addEventListener("pagehide", sleep);
  addEventListener("pageshow", () => document.hidden || wake());
  if (!document.hidden) wake();
}
