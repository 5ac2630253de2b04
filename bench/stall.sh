#!/bin/bash
# bench/stall.sh [SECONDS=20] [RUNS=3]: the longest stall of the daemon's loop while every call into the cards' driver
# hangs, beside what telemetry costs. Eight cards of the fake driver's library; meanwhile jobs are submitted, cards
# and metrics are asked for, and after 15 s the daemon kills its probe and starts another, which hangs as well.
# BUILD=DIR: programs in DIR/bin, the library in DIR/fake_nvml (default: build). One line a run, then the best.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${BUILD:-$here/../build}
seconds=${1:-20} runs=${2:-3}
scratch=$(mktemp -d)
pid=
end() {
    [[ -z $pid ]] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
    pid=
}
trap 'end; rm -rf "$scratch"' EXIT

# Renamed over the old one: the library reads whole files only.
cards() {
    {
        echo "$1"
        for i in 1 2 3 4 5 6 7 8; do printf '[card]\nuuid=GPU-%d\n' "$i"; done
    } >"$scratch/state.new"
    mv "$scratch/state.new" "$scratch/state"
}

get() { curl -sS --max-time 10 "http://127.0.0.1:$port$1"; }

start() { # DIR
    mkdir -p "$1/state" "$1/builds"
    CAIL_FAKE_NVML=$scratch/state "$build/bin/cail-d" --listen 127.0.0.1:0 --port-file "$1/port" \
        --socket "$1/socket" --state-dir "$1/state" --build-root "$1/builds" --recipes "$here/../recipes" \
        --set "gpu.nvml=$build/fake_nvml/libnvidia-ml.so.1" 2>"$1/log" &
    pid=$!
    for ((i = 0; i < 200; i++)); do
        [[ -s $1/port ]] && port=$(tr -dc 0-9 <"$1/port") && get /gpus | grep -q '"state":"free"' && return
        sleep 0.1
    done
    echo "the daemon or its cards did not come up: $(tail -3 "$1/log")" >&2
    exit 1
}

# "COUNT COUNT ...": stalls under 1, 2, 5, 10, 20, 50, 100 ms and all of them.
stalls() { get /metrics | awk '/^cail_loop_stalls_total/ { printf "%s ", $2 }'; }
longest_us() { get /metrics | awk '/^cail_loop_stall_max_seconds/ { printf "%d", $2 * 1e6 }'; }

work() { # until: jobs that need a card and jobs that do not, questions
    local until=$((SECONDS + seconds)) n=0
    while ((SECONDS < until)); do
        curl -sS --max-time 10 --json '{"command": ["true"]}' "http://127.0.0.1:$port/jobs" -o "$scratch/reply"
        ((n++ % 10)) || curl -sS --max-time 10 --json '{"command": ["true"], "needs": {"gpus": 1}}' \
            "http://127.0.0.1:$port/jobs" -o "$scratch/reply"
        get /gpus >"$scratch/reply"
    done
    echo "$n"
}

one() { # N; sets line
    local before after n
    cards hang=0
    start "$scratch/$1"
    before=$(stalls)
    cards hang=1
    n=$(work)
    after=$(stalls)
    line=$(awk -v a="$before" -v b="$after" -v max="$(longest_us)" -v s="$seconds" -v n="$n" 'BEGIN {
        k = split(a, x, " "); split(b, y, " ")
        for (i = 1; i <= k; i++) d[i] = y[i] - x[i]
        printf "%.1f ms longest stall since the start; in %d s of a hanging driver %d turns of the loop, " \
            "%d over 5 ms, %d over 10 ms, %d over 20 ms (%d jobs submitted)",
            max / 1000, s, d[k], d[k] - d[3], d[k] - d[4], d[k] - d[5], n
    }')
    end
}

best=
for ((run = 1; run <= runs; run++)); do
    one "$run"
    echo "run $run: $line"
    [[ -n $best ]] && awk -v a="${best%% *}" -v b="${line%% *}" 'BEGIN { exit a <= b ? 0 : 1 }' || best=$line
done
echo "best of $runs: $best"
BUILD=$build "$here/probe_cost.sh" 1 "$seconds"
BUILD=$build "$here/probe_cost.sh" 10 "$seconds"
