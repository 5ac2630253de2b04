#!/bin/bash
# bench/probe_cost.sh [HZ=1] [SECONDS=20]: what cail-probe costs with eight cards of the fake driver's library.
# BUILD=DIR: programs in DIR/bin, the library in DIR/fake_nvml (default: build). Prints one line of figures.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${BUILD:-$here/../build}
hz=${1:-1} seconds=${2:-20}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for i in 1 2 3 4 5 6 7 8; do
    printf '[card]\nuuid=GPU-%d\nproc=%d 518\n' "$i" $((1000 + i))
done >"$scratch/state"

# User and system time of one process, in ticks; the name before them is ours and has no blank.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

mkfifo "$scratch/in"
CAIL_FAKE_NVML=$scratch/state "$build/bin/cail-probe" --nvml "$build/fake_nvml/libnvidia-ml.so.1" \
    <"$scratch/in" >"$scratch/out" &
pid=$!
exec 3>"$scratch/in"
echo "rate all $hz" >&3
sleep 1 # the start is not what is measured
before=$(ticks "$pid") lines=$(wc -l <"$scratch/out")
sleep "$seconds"
after=$(ticks "$pid") lines=$(($(wc -l <"$scratch/out") - lines))
memory=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
exec 3>&-
wait "$pid"
awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v s="$seconds" -v lines="$lines" -v rate="$hz" \
    -v memory="$memory" 'BEGIN {
        printf "cail-probe: 8 cards at %d Hz: %.2f %% of one core, %d lines in %d s, %.1f MiB resident at most\n",
            rate, 100 * t / hz / s, lines, s, memory / 1024
    }'
