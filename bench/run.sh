#!/bin/bash
# bench/run.sh [ROUNDS=5]: cail beside its peers on this machine, in one run, interleaved.
# Writes bench/out/run.tsv (round, measure, value) and prints bench/summary.py's table of it.
# Peers: task-spooler (tsp), beanstalkd -f0 with its binlog, xargs. All on 127.0.0.1.
#   BUILD=DIR       programs to measure are in DIR/bin (default: a release build in bench/out/build)
#   BENCH_DIR=DIR   scratch (default: under ${TMPDIR:-/tmp}; it wants a real disk and 2 GiB)
#   SCALE=0         leaves out the store with 100,000 queued and 1,000,000 finished jobs
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rounds=${1:-5}
out=$here/out
build=${BUILD:-$out/build}
scratch=${BENCH_DIR:-${TMPDIR:-/tmp}/cail-bench.$$}
tsv=$out/run.tsv
bin=$out/bin
slots=2 jobs=4000 clients=32 queued=100000 finished=1000000
pids=()

need() {
    command -v "$1" >/dev/null || { echo "bench: '$1' is missing (package $2)" >&2; exit 1; }
}

stop() { # PID...: ends servers that this run started and waits for them
    local pid
    for pid; do
        kill "$pid" 2>/dev/null || continue
        while kill -0 "$pid" 2>/dev/null && [ "$(ps -o stat= -p "$pid")" != Z ]; do
            sleep 0.02
        done
    done
}

# Nothing is removed before the end: some file systems make every later creation pay for it.
clean() {
    stop "${pids[@]}"
    rm -rf "$scratch"
}

put() { # MEASURE VALUE
    printf '%s\t%s\t%s\n' "$round" "$1" "$2" >>"$tsv"
    printf '%s\t%-40s %s\n' "$round" "$1" "$2" >&2
}

put_latency() { # MEASURE "p50 p99 min max"
    local p50 p99 rest
    read -r p50 p99 rest <<<"$2"
    put "$1 p50_ms" "$p50"
    put "$1 p99_ms" "$p99"
}

probe() {
    local syncs cores
    read -r syncs cores <<<"$("$bin/probe" "$scratch")"
    put "probe fdatasync_per_s" "$syncs"
    put "probe cores_free" "$cores"
}

rss_kib() { awk '/^VmRSS/ {print $2}' "/proc/$1/status"; }

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

compile() {
    local flags=(-std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror) name
    mkdir -p "$bin"
    ${CC:-cc} "${flags[@]}" -o "$bin/stamp" "$here/stamp.c"
    for name in probe load cli_load bean_worker starter; do
        ${CC:-cc} "${flags[@]}" -o "$bin/$name" "$here/$name.c" "$here/timing.c" -lpthread
    done
    [ -n "${BUILD:-}" ] && return
    cmake -S "$here/.." -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCAIL_TESTS=OFF >/dev/null
    ninja -C "$build" cail-d cail cail-run >/dev/null
}

# --- cail ---

cail_start() { # STATE_DIR: sets cail_pid, cail_ms
    (umask 077 && mkdir -p "$1")
    read -r cail_ms cail_pid <<<"$("$bin/starter" "$port" "$scratch/cail-d.log" \
        "$build/bin/cail-d" --listen "127.0.0.1:$port" --socket "$scratch/sock" --state-dir "$1" \
        --build-root "$scratch/builds" --recipes "$here/../recipes" --set "jobs.cpus=$slots" \
        --config "$scratch/cail.conf")"
    pids+=("$cail_pid")
}

cail_stop() { stop "$cail_pid"; }

post() { curl -fsS -o /dev/null -X POST "localhost:$port$1"; }

cail_submit() { # round's durable submits: nothing starts, 1 and 64 connections, a fresh store
    local dir=$scratch/submit.$round
    cail_start "$dir"
    post /queue/pause
    put "submit_1 cail" "$("$bin/load" http "$port" rate 5000 1)"
    put "submit_64 cail" "$("$bin/load" http "$port" rate 40000 64)"
    if [ "$round" = 1 ]; then
        local before
        before=$(rss_kib "$cail_pid")
        "$bin/load" http "$port" rate "$queued" 64 >/dev/null
        put "rss_100k_kib cail" "$(($(rss_kib "$cail_pid") - before))"
    fi
    stalls cail_submit
    cail_stop
}

stalls() { # WHEN: the longest turn of the loop since the start
    put "stall_max_ms $1" "$(curl -fsS "localhost:$port/metrics" |
        awk '$1 == "cail_loop_stall_max_seconds" {print $2 * 1000}')"
}

cail_jobs() {
    local dir=$scratch/jobs.$round
    cail_start "$dir"
    put "start_empty_ms cail" "$cail_ms"
    sleep 0.5
    put "rss_idle_kib cail" "$(rss_kib "$cail_pid")"
    put "first_ls_ms cail" "$("$bin/cli_load" time 1 "$build/bin/cail" --url "http://localhost:$port" ls \
        2>/dev/null | cut -d' ' -f1)"
    put_latency "dispatch cail" "$("$bin/load" http "$port" lat 300 "$bin/stamp" "$scratch/f")"
    put_latency "dispatch cail_cli" "$("$bin/cli_load" lat 200 "$scratch/f" "$build/bin/cail" \
        --url "http://localhost:$port" submit -- "$bin/stamp" @ID@ "$scratch/f")"
    put "stamps_2_slots cail" \
        "$("$bin/load" http "$port" stamps "$jobs" "$clients" "$bin/stamp" "$scratch/f")"
    put "true_2_slots cail" "$("$bin/load" http "$port" "done" "$jobs" "$clients")"
    stalls cail_jobs
    cail_stop
}

scale_make() { # once: a template by the daemon itself, then its copies
    local dir=$scratch/scale
    cail_start "$dir"
    curl -fsS -o /dev/null --json '{"command":["/bin/true"]}' "localhost:$port/jobs"
    curl -fsS -o /dev/null "localhost:$port/jobs/1?wait=10"
    post /queue/pause
    curl -fsS -o /dev/null --json '{"command":["/bin/true"]}' "localhost:$port/jobs"
    cail_stop
    python3 "$here/fill_store.py" "$dir/cail.db" "$queued" "$finished"
    put "store_bytes scale" "$(stat -c %s "$dir/cail.db")"
}

cail_scale() {
    local dir=$scratch/scale cail=("$build/bin/cail" --url "http://localhost:$port")
    cail_start "$dir"
    put "start_scale_ms cail" "$cail_ms"
    put "first_ls_scale_ms cail" "$("$bin/cli_load" time 1 "${cail[@]}" ls 2>/dev/null |
        cut -d' ' -f1)"
    put "rss_scale_kib cail" "$(rss_kib "$cail_pid")"
    stalls cail_scale
    cail_stop
}

# --- peers ---

bean_start() {
    rm -rf "$scratch/bean"
    mkdir -p "$scratch/bean"
    beanstalkd -l 127.0.0.1 -p "$bean_port" -b "$scratch/bean" -f0 >/dev/null 2>&1 &
    bean_pid=$!
    pids+=("$bean_pid")
    sleep 0.3
}

bean_submit() {
    bean_start
    put "rss_idle_kib beanstalkd" "$(rss_kib "$bean_pid")"
    put "submit_1 beanstalkd" "$("$bin/load" bean "$bean_port" rate 5000 1)"
    put "submit_64 beanstalkd" "$("$bin/load" bean "$bean_port" rate 10000 64)"
    if [ "$round" = 1 ]; then
        local before
        before=$(rss_kib "$bean_pid")
        "$bin/load" bean "$bean_port" rate "$queued" 64 >/dev/null
        put "rss_100k_kib beanstalkd" "$(($(rss_kib "$bean_pid") - before))"
    fi
    stop "$bean_pid"
}

bean_jobs() {
    local workers=() i
    bean_start
    for ((i = 0; i < slots; i++)); do
        "$bin/bean_worker" "$bean_port" "$bin/stamp" &
        workers+=($!)
    done
    pids+=("${workers[@]}")
    sleep 0.1
    put_latency "dispatch beanstalkd" \
        "$("$bin/load" bean "$bean_port" lat 300 "$bin/stamp" "$scratch/f")"
    put "stamps_2_slots beanstalkd" \
        "$("$bin/load" bean "$bean_port" stamps "$jobs" "$clients" "$bin/stamp" "$scratch/f")"
    stop "${workers[@]}" "$bean_pid"
}

tsp_jobs() {
    local dir=$scratch/tsp pid
    rm -rf "$dir"
    mkdir -p "$dir"
    export TS_SOCKET=$dir/s TMPDIR=$dir TS_MAXFINISHED=100
    tsp -S "$slots"
    pid=$(ss -xlpH "src $dir/s" | grep -o 'pid=[0-9]*' | head -1 | cut -d= -f2)
    pids+=("$pid")
    put "rss_idle_kib tsp" "$(rss_kib "$pid")"
    put_latency "dispatch tsp" \
        "$("$bin/cli_load" lat 200 "$scratch/f" tsp -n "$bin/stamp" @ID@ "$scratch/f")"
    put "stamps_2_slots tsp" \
        "$("$bin/cli_load" stamps "$jobs" 1 "$scratch/f" tsp -n "$bin/stamp" @ID@ "$scratch/f")"
    tsp -K
    stop "$pid"
    unset TS_SOCKET TMPDIR TS_MAXFINISHED
}

xargs_jobs() {
    local from to
    from=$EPOCHREALTIME
    seq "$jobs" | xargs -P "$slots" -n1 /bin/true
    to=$EPOCHREALTIME
    put "true_2_slots xargs" "$(echo "scale=1; $jobs / ($to - $from)" | bc)"
    mkfifo "$scratch/x"
    cat "$scratch/x" >/dev/null &
    exec 9>"$scratch/x" # held open, so that cat ends with the last stamp and not before
    from=$EPOCHREALTIME
    seq "$jobs" | xargs -P "$slots" -I{} "$bin/stamp" {} "$scratch/x"
    to=$EPOCHREALTIME
    exec 9>&-
    wait $!
    rm "$scratch/x"
    put "stamps_2_slots xargs" "$(echo "scale=1; $jobs / ($to - $from)" | bc)"
}

versions() {
    {
        echo "date	$(date -u +%F)"
        echo "cpu	$(nproc) x $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo)"
        echo "kernel	$(uname -sr)"
        echo "filesystem	$(findmnt -no FSTYPE -T "$scratch")"
        echo "cail	$("$build/bin/cail-d" --version | head -1)"
        echo "beanstalkd	$(beanstalkd -v)"
        echo "task-spooler	$(dpkg-query -Wf '${Version}' task-spooler 2>/dev/null || tsp -V | head -1)"
        echo "xargs	$(xargs --version | head -1)"
        echo "rounds	$rounds"
        echo "load before	$(cut -d' ' -f1-3 /proc/loadavg)"
    } >"$out/versions.tsv"
}

need beanstalkd beanstalkd
need tsp task-spooler
need curl curl
need bc bc
need python3 python3
need ss iproute2
need findmnt util-linux
mkdir -p "$out" "$scratch"
trap clean EXIT
compile
: >"$tsv"
: >"$scratch/cail.conf"
versions
port=$(free_port)
bean_port=$(free_port)
round=0
[ "${SCALE:-1}" = 0 ] || scale_make
for ((round = 1; round <= rounds; round++)); do
    probe
    xargs_jobs
    cail_submit
    bean_submit
    probe
    cail_jobs
    tsp_jobs
    bean_jobs
    [ "${SCALE:-1}" = 0 ] || cail_scale
done
probe
python3 "$here/summary.py" "$out" | tee "$out/summary.md"
