#!/usr/bin/env python3
"""history.py PORT: see history.sh."""
import http.client
import json
import random
import sys
import time

RUNS, SAMPLES, REPEATS = 2000, 20, 9
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))


def call(method, path, body=None):
    kind = "application/json" if path == "/jobs" else "application/octet-stream"
    connection.request(method, path, body, {"Content-Type": kind} if body else {})
    reply = connection.getresponse()
    data = reply.read()
    if reply.status >= 300:
        sys.exit(f"{method} {path}: {reply.status} {data[:300]!r}")
    return data


def timed(what, method, path, body=None, repeats=1):
    """The median of the repeats, in milliseconds."""
    took = []
    for _ in range(repeats):
        begun = time.perf_counter()
        data = call(method, path, body)
        took.append((time.perf_counter() - begun) * 1e3)
    took.sort()
    print(f"{what:44}{took[len(took) // 2]:10.1f} ms   {len(data):10} bytes")
    return data


def row(benchmark, samples, **params):
    return {"name": "time", "benchmark": benchmark, "params": params, "unit": "us", "better": "lower",
            "samples": samples}


def noisy(value, n):
    return [round(value * random.gauss(1, .01), 3) for _ in range(n)]


random.seed(1)
job = json.loads(call("POST", "/jobs", b'{"command":["true"],"needs":{"cpus":1}}'))["id"]
call("GET", f"/jobs/{job}?wait=60")
post = f"/jobs/{job}/results?format=plain"
timed("ingest: 1 row of 100,000 samples", "POST", post, json.dumps([row("one", noisy(100, 100000))]))
many = [row(f"b{i % 100}", noisy(100, 5), m=i // 100) for i in range(20000)]
timed("ingest: 20,000 rows of 5 samples", "POST", post, json.dumps(many))
timed("ingest: the same series again", "POST", post, json.dumps(many))
begun = time.perf_counter()
for i in range(RUNS):
    call("POST", f"{post}&commit={i:040x}", json.dumps([row("series", noisy(100 + i // 300, SAMPLES))]))
print(f"{'posts of 20 samples, one connection':44}{RUNS / (time.perf_counter() - begun):10.0f} a second")
found = json.loads(timed(f"series: {RUNS} runs of {SAMPLES}, change points", "GET", "/results?benchmark=series",
                         repeats=REPEATS))["series"][0]
timed("the same with raw samples", "GET", "/results?benchmark=series&samples=1", repeats=REPEATS)
timed("the newest 100 of it", "GET", "/results?benchmark=series&limit=100", repeats=REPEATS)
timed("change points of one series of 1,000", "GET", "/results/changes?benchmark=series", repeats=REPEATS)
timed("change points of all series", "GET", "/results/changes", repeats=REPEATS)
timed("catalogue: 200 series with sparks", "GET", "/benchmarks?limit=200", repeats=REPEATS)
timed("table: 100 x 200", "GET", "/results/table?rows=benchmark&cols=m&value=time", repeats=REPEATS)
print(f"change points found: {[c['after']['index'] for c in found['changes']]}")
