# shellcheck shell=bash
# What gpu_one.sh and gpu_two.sh share: a daemon of the kit, documents kept of all it says, and a table
# of checks over those documents. A run first does everything and keeps the documents; only then the
# table judges them, so it can be mended and judged again without a card: gpu_one.sh --judge FOLDER.

root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
kit=${KIT:-$root/.kit}
OUT=${OUT:-/tmp/cail-gpu-out}
cail=$kit/build/bin/cail
declare -A id=()
declare -A known=()
CAIL_URL=
daemon=
outsider=

note() { printf '%6.1f %s\n' "$(awk -v a="$EPOCHREALTIME" -v b="$began" 'BEGIN { print a - b }')" "$*"; }
now() { date -u +%Y-%m-%dT%H:%M:%S.%3NZ; }

# --- documents ---

# api METHOD PATH [JSON]: the daemon's answer, problems too.
api() {
    local -a body=()
    (($# < 3)) || body=(-H 'Content-Type: application/json' --data-binary "$3")
    curl -sS -m 70 -X "$1" "${body[@]}" "$CAIL_URL$2"
}

# keep NAME PATH: GET it into a document. What is no JSON is kept as {"text": ...}.
keep() {
    api GET "$2" >"$doc/raw" 2>&1
    jq -e . "$doc/raw" >"$doc/$1.json" 2>/dev/null || jq -Rs '{text: .}' "$doc/raw" >"$doc/$1.json"
    rm -f "$doc/raw"
}

# keep_text NAME COMMAND...: its output and exit code.
keep_text() {
    local name=$1 code=0
    shift
    timeout 60 "$@" >"$doc/raw" 2>&1 </dev/null || code=$?
    jq -Rs --argjson code "$code" '{text: ., code: $code}' "$doc/raw" >"$doc/$name.json"
    rm -f "$doc/raw"
}

# know NAME VALUE: a fact for the table, $k.NAME.
know() { known[$1]=$2; }
write_known() {
    local name
    know kernel "$(uname -r)"
    know driver "$("$smi" --query-gpu=driver_version --format=csv,noheader | sed -n 1p)"
    {
        for name in "${!known[@]}"; do
            jq -n --arg k "$name" --arg v "${known[$name]}" '{($k): $v}'
        done
        for name in "${!id[@]}"; do
            jq -n --arg k "$name" --argjson v "${id[$name]}" '{ids: {($k): $v}}'
        done
        "$smi" -L | sed -n 's/.*(UUID: \(.*\))$/\1/p' | jq -R . | jq -s '{cards: .}'
    } | jq -s 'reduce .[] as $x ({}; . * $x)' >"$doc/known.json"
}

# --- the daemon ---

# find_tools: what steps with their clean environment may not find by themselves.
find_tools() {
    local dir nvcc python
    smi=/bin/false
    for dir in "$(type -P nvidia-smi)" /usr/bin/nvidia-smi /usr/local/nvidia/bin/nvidia-smi; do
        [[ ! -x $dir ]] || { smi=$dir && break; }
    done
    libs=
    ldconfig -p 2>/dev/null | grep -q 'libcuda\.so\.1' || libs=/usr/local/nvidia/lib64:/usr/lib/wsl/lib
    nvcc=$(type -P nvcc) || nvcc=
    if [[ ! -x /usr/local/cuda/bin/nvcc && $nvcc ]]; then
        CUDA_HOME=${CUDA_HOME:-$(readlink -f "${nvcc%/*}/..")} && export CUDA_HOME
    fi
    if [[ ! -f ${CUDA_HOME:-/usr/local/cuda}/include/nccl.h && ! -f /usr/include/nccl.h ]]; then
        python=$(type -P python3) || python=false
        NCCL_HOME=${NCCL_HOME:-$("$python" -c 'import importlib.util as u
print(*u.find_spec("nvidia.nccl").submodule_search_locations)' 2>/dev/null)} && export NCCL_HOME
    fi
    note "nvidia-smi $smi, nvcc ${nvcc:-none}, CUDA_HOME ${CUDA_HOME:-}, NCCL_HOME ${NCCL_HOME:-}"
}

# KIT_KEEP=1: the store and the logs are kept as $OUT/state.tar.gz, to be looked at elsewhere.
# KIT_DAEMON: more options for cail-d, as "--set gpu.nvml=/path/to/a/played/one".
daemon_start() {
    rm -f "$work/port"
    # shellcheck disable=SC2086
    env -u XDG_RUNTIME_DIR HOME="$work" "$kit/build/bin/cail-d" --listen 127.0.0.1:0 \
        --port-file "$work/port" --socket "$work/sock" --state-dir "$work/state" \
        --build-root "$work/builds" --recipes "$kit/recipes" ${KIT_DAEMON:-} >/dev/null 2>>"$OUT/cail-d.log" &
    daemon=$!
    local i
    for ((i = 0; i < 100; i++)); do
        [[ ! -s $work/port ]] || break
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.1
    done
    [[ -s $work/port ]] || { note "cail-d does not start:" && tail -n 20 "$OUT/cail-d.log" && exit 1; }
    CAIL_URL=http://127.0.0.1:$(<"$work/port")
    export CAIL_URL
}
daemon_kill9() {
    kill -9 "$daemon"
    wait "$daemon" 2>/dev/null
}

# --- jobs ---

# submit NAME JSON: queue it; its id in id[NAME].
submit() {
    local answer
    answer=$(api POST /jobs "$2")
    printf '%s\n' "$answer" >"$doc/submit_$1.json"
    id[$1]=$(jq -r '.id // 0' <<<"$answer")
    note "job ${id[$1]}: $1"
}
# script TEXT [JQ]: a job request that runs this bash; JQ changes it (".needs.gpus = 1").
script() {
    jq -n --arg s "#!/bin/bash
export LD_LIBRARY_PATH=$libs
$1" '{script: $s, timeout_s: 300} | '"${2:-.}"
}
field() { api GET "/jobs/${id[$1]}" | jq -r "$2"; }
# reach NAME STATE SECONDS: wait until a job is in that state.
reach() {
    local state='' end=$((SECONDS + $3))
    while ((id[$1] > 0 && SECONDS <= end)); do
        state=$(field "$1" .state)
        [[ ! $state =~ ^($2)$ ]] || return 0
        sleep 0.2
    done
    note "job ${id[$1]} ($1) is ${state:-none}, not $2, after $3 s"
    return 1
}
# finish NAME SECONDS: wait for the end; keep the job, its log and what else there is of it.
finish() {
    reach "$1" 'succeeded|failed|canceled|timed_out|lost|dep_failed' "$2"
    ((id[$1] > 0)) || return 1
    [[ $(field "$1" .finished_at) != null ]] || api POST "/jobs/${id[$1]}/cancel" '{}' >/dev/null
    keep "job_$1" "/jobs/${id[$1]}"
    keep_text "log_$1" curl -sS "$CAIL_URL/jobs/${id[$1]}/log"
    keep "telemetry_$1" "/jobs/${id[$1]}/telemetry"
    note "job ${id[$1]} ($1): $(jq -r '"\(.state), flags \(.flags)"' "$doc/job_$1.json")"
}
# gpus_reach JQ SECONDS: wait until GET /gpus is so.
gpus_reach() {
    local end=$((SECONDS + $2))
    while ((SECONDS <= end)); do
        ! api GET /gpus | jq -e "$1" >/dev/null 2>&1 || return 0
        sleep 0.2
    done
    note "GET /gpus is not so after $2 s: $1"
    return 1
}

hold() { printf '%s %s %s' "$kit/prebuilt/gpu_hold" "$1" "${2:-256}"; }

# outsider_start: a program that no queue knows of, on the cards the environment shows it.
outsider_start() {
    LD_LIBRARY_PATH=$libs "$kit/prebuilt/gpu_hold" 120 512 >"$work/outsider" 2>&1 &
    outsider=$!
    know outsider "$outsider"
    know user "$(id -un)"
    note "started pid $outsider outside the queue"
}
outsider_end() {
    know outsider_ended "$(now)"
    kill "$outsider" 2>/dev/null
    wait "$outsider" 2>/dev/null
    outsider=
}

# --- recipes ---

# ended_well NAME: did the recipe? If not its documents make room for those of the program built elsewhere.
ended_well() {
    local d
    [[ $(jq -r .state "$doc/job_$1.json" 2>/dev/null) != succeeded ]] || return 0
    note "$1: the recipe failed; the program built elsewhere instead"
    for d in job log telemetry; do
        [[ ! -e $doc/${d}_$1.json ]] || mv "$doc/${d}_$1.json" "$doc/${d}_$1_recipe.json"
    done
    return 1
}

nccl_tests() { # NAME GPUS MAX_BYTES
    local bare=$kit/prebuilt/all_reduce_perf nccl=${NCCL_HOME:-${CUDA_HOME:-/usr/local/cuda}}
    submit "$1" "$(jq -n --arg s "$kit/src/nccl-tests.tar.gz" --argjson g "$2" --argjson max "$3" \
        '{recipe: "nccl-tests", params: {source: $s, max_bytes: $max}, needs: {gpus: $g}}')"
    reach "$1" 'running' 20
    local end=$((SECONDS + 60))
    while ((id[$1] > 0 && SECONDS <= end)); do
        [[ $(field "$1" '"\(.step.name) \(.state)"') != 'build running' ]] || break
        [[ $(field "$1" .finished_at) == null ]] || break
        sleep 0.2
    done
    keep "gpus_while_$1_builds" /gpus
    keep "job_$1_while_it_builds" "/jobs/${id[$1]}"
    finish "$1" 150
    keep "results_$1" "/jobs/${id[$1]}/results"
    keep_text "table_$1" curl -sS "$CAIL_URL/jobs/${id[$1]}/artifacts/table.txt"
    ! ended_well "$1" || return 0
    submit "$1" "$(script "export LD_LIBRARY_PATH=$nccl/lib64:$nccl/lib:${CUDA_HOME:-/usr/local/cuda}/lib64:$libs
export NCCL_NVLS_ENABLE=${NCCL_NVLS_ENABLE:-}
$bare -b 1M -e $3 -f 4 -g $2" ".kind = \"benchmark\" | .needs.gpus = $2")"
    finish "$1" 90
}

gemm() { # NAME SIZE SECONDS
    submit "$1" "$(jq -n --arg s "$kit/src/cutlass.tar.gz" --argjson n "$2" --argjson t "$3" \
        '{recipe: "cutlass-gemm", params: {source: $s, m: $n, n: $n, k: $n, seconds: $t, rounds: 2}}')"
    finish "$1" 180
    keep "results_$1" "/jobs/${id[$1]}/results"
    keep "provenance_$1" "/jobs/${id[$1]}/provenance"
    keep_text "cail_why_$1" "$cail" why "${id[$1]}"
    ! ended_well "$1" || return 0
    # About 700 and 20 TFLOP/s: enough iterations for some seconds.
    submit "$1" "$(script "$kit/prebuilt/gemm --m=$2 --n=$2 --k=$2 --iterations=$(($2 > 2000 ? 6000 : 300000))" \
        '.kind = "benchmark" | .needs.gpus = 1')"
    finish "$1" 90
    keep "provenance_$1" "/jobs/${id[$1]}/provenance"
}

# --- comparisons ---

# tiles BASE HEAD ROUNDS PARAMS: a request that compares two tile shapes of the GEMM: wide, narrow, small.
tiles() {
    jq -n --arg b "$1" --arg h "$2" --argjson rounds "$3" --arg dir "$kit/prebuilt" '
        {wide: "tile 128x128x64", narrow: "tile 128x64x64", small: "tile 64x64x64"} as $called
        | {recipe: "cutlass-gemm", rounds: $rounds, needs: {gpus: 1}, repeats_max: 4, params: '"$4"',
           base: {bin_dir: "\($dir)/\($b)", label: $called[$b]},
           head: {bin_dir: "\($dir)/\($h)", label: (if $b == $h then "the same" else $called[$h] end)}}'
}

# compared NAME REQUEST: post it and wait; its documents, its report and its measuring job's.
compared() {
    local answer comparison state=''
    answer=$(api POST /comparisons "$2")
    printf '%s\n' "$answer" >"$doc/posted_$1.json"
    comparison=$(jq -r '.id // 0' <<<"$answer")
    id[$1]=$(jq -r '.jobs.measure // 0' <<<"$answer")
    note "comparison $comparison: $1"
    while ((comparison > 0)); do
        state=$(api GET "/comparisons/$comparison?wait=20" | jq -r .state)
        note "comparison $comparison: $state, $(api GET "/comparisons/$comparison" |
            jq -r '.progress.text // .verdict')"
        [[ ! $state =~ ^(finished|failed|canceled)$ ]] || break
    done
    keep "$1" "/comparisons/$comparison"
    keep_text "report_$1" curl -sS "$CAIL_URL/comparisons/$comparison/report"
    keep "job_$1" "/jobs/${id[$1]}"
    keep_text "log_$1" curl -sS "$CAIL_URL/jobs/${id[$1]}/log"
    jq -e '.verdict != "failed"' "$doc/$1.json" >/dev/null || note "$(jq -r .text "$doc/log_$1.json" | tail -n 5)"
}

# --- the table ---

# judge: "what should hold | document | jq expression" rows on standard input; $k is known.json.
judge() {
    local what name expr failed=0 passed=0
    while IFS='|' read -r what name expr; do
        what=$(sed 's/^ *//; s/ *$//' <<<"$what") name=${name// /}
        [[ -n $what && $what != \#* ]] || continue
        if [[ ! -s $doc/$name.json ]]; then
            printf 'FAIL %s (no document %s)\n' "$what" "$name"
            failed=$((failed + 1))
        elif jq -e --slurpfile all "$doc/known.json" '$all[0] as $k | '"$expr" "$doc/$name.json" \
            >/dev/null 2>&1; then
            printf 'PASS %s\n' "$what"
            passed=$((passed + 1))
        else
            printf 'FAIL %s\n     %s: %s\n' "$what" "$name" "$(jq -c . "$doc/$name.json" | head -c 700)"
            failed=$((failed + 1))
        fi
    done
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0))
}

# conclude: keep all there is, at most 8 files, and judge it. Also when the time is up: a part that hangs
# must not cost what the others showed.
conclude() {
    local job code
    trap - TERM EXIT
    [[ ! $outsider ]] || kill "$outsider" 2>/dev/null
    keep gpus_last /gpus
    keep_text jobs "$cail" ls
    keep_text metrics curl -sS "$CAIL_URL/metrics"
    write_known
    for job in $(api GET '/jobs?state=running' | jq -r '.jobs[]?.id'); do
        api POST "/jobs/$job/cancel" '{"grace_s": 1}' >/dev/null
        note "job $job was still running"
        sleep 2
    done
    [[ ! $daemon ]] || { kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null; }
    tar -C "$work" -czf "$OUT/documents.tar.gz" doc
    table | judge >"$OUT/summary.txt"
    code=$?
    kill "$watchdog" 2>/dev/null
    cat "$OUT/summary.txt"
    [[ ! ${KIT_KEEP:-} ]] || tar -C "$work" -czf "$OUT/state.tar.gz" state
    rm -rf "${work:?}/builds" "$work/state"
    exit "$code"
}

# kit_main ARGUMENTS...: run() then table(), or table() alone over documents kept before.
kit_main() {
    began=$EPOCHREALTIME
    if [[ ${1-} == --judge ]]; then
        doc=$2
        table | judge
        exit
    fi
    [[ -x $cail ]] || { echo "no kit at $kit; make one with tests/real/gpu_kit.sh" >&2 && exit 1; }
    mkdir -p "$OUT"
    work=$(mktemp -d /tmp/cail-gpu.XXXXXX)
    doc=$work/doc
    mkdir "$doc"
    exec > >(tee "$OUT/run.log") 2>&1
    trap 'note "the time is up"; conclude' TERM
    trap conclude EXIT
    (
        trap 'kill $!' TERM
        sleep "${KIT_SECONDS:-540}" &
        wait $! && kill -TERM $$
    ) >/dev/null 2>&1 &
    watchdog=$!
    find_tools
    daemon_start
    run
    conclude
}
