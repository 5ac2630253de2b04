#!/bin/bash
# What the dashboard takes: bench/dashboard.sh [BIN] [FINISHED] [QUEUED] (default build/bin, 1000000, 5000).
# Times are of this machine's Chromium without a GPU; needs chromium, node, npm ci in web/. The last part
# holds the queue's page under 200 events a second for CAIL_BENCH_S seconds (default 60).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=$(realpath "${1:-build/bin}") finished=${2:-1000000} queued=${3:-5000}
chromium=$(command -v chromium || command -v chromium-browser) || { echo "no chromium here" >&2 && exit 1; }
work=$(mktemp -d)
pid=
trap 'kill $pid 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir -p "$work/recipes"

start() {
    rm -f "$work/port"
    "$bin/cail-d" --listen 127.0.0.1:0 --port-file "$work/port" --socket "$work/sock" --state-dir "$work/state" \
        --recipes "$work/recipes" --set jobs.log_cap_mib=256 2>>"$work/log" &
    pid=$!
    until [[ -s $work/port ]]; do sleep 0.05; done
    url=http://127.0.0.1:$(<"$work/port")
}

start
curl -fsS --json '{"command":["true"],"name":"done"}' "$url/jobs" >/dev/null
curl -fsS "$url/jobs/1?wait=30" >/dev/null
curl -fsS --json '{"name":"100 MB of log","timeout_s":300,"script":"seq -f \"[%.0f/1400000] Building CXX object lib/IR/CMakeFiles/part.dir/Core.cpp.o\" 1 1400000"}' "$url/jobs" >/dev/null
curl -fsS "$url/jobs/2?wait=300" >/dev/null
curl -fsS -X POST "$url/queue/pause" >/dev/null
curl -fsS --json '{"command":["true"],"name":"waits"}' "$url/jobs" >/dev/null
kill "$pid" && wait "$pid"
python3 bench/fill_store.py "$work/state/cail.db" "$queued" "$finished"
start
echo "store: $finished finished, $queued queued jobs; $(nproc) cpus"
CAIL_CHROMIUM=$chromium node bench/dashboard.mjs "$url"
