#!/bin/bash
# CUTLASS's profiler and NCCL built from carried sources and measured on a real card, through the daemon.
# For a machine with cards, without a network and without our libraries: KIT=FOLDER holds bin/ (cail-d,
# cail, cail-run, cail-probe), lib/ (their libraries), src/ (cutlass.tar.gz, nccl.tar.gz,
# nccl-tests.tar.gz: git archive --prefix=NAME/). OUT=FOLDER gets documents; the log goes to stdout.
# Jobs see /usr/local/bin and /usr/bin: cmake, ninja and python3 must be there.
#   KIT=.kit tests/real/gpu_upstreams.sh [cutlass] [nccl]
set -uo pipefail
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
kit=${KIT:-$root/.kit} out=${OUT:-/tmp/cail-gpu-upstreams} ends=$((SECONDS + ${KIT_SECONDS:-520}))
kit=$(cd -- "$kit" && pwd)
# shellcheck source=tests/lib/real_daemon.sh
. "$root/tests/lib/real_daemon.sh"
mkdir -p "$out"
export LD_LIBRARY_PATH=$kit/lib
real_daemon "$kit/bin" "$work" --recipes "$root/recipes"
cail=$kit/bin/cail

# field JOB EXPRESSION
field() { "$cail" show "$1" --json | python3 -c "import json,sys; j=json.load(sys.stdin); print($2)"; }
# await JOB: until it ended or the time is over.
await() {
    while ((SECONDS < ends)); do
        case $(field "$1" "j['state']") in
        succeeded | failed | canceled | timed_out | lost | dep_failed) return 0 ;;
        esac
        sleep 1
    done
    "$cail" cancel "$1" >/dev/null 2>&1
    sleep 2
}
# tell NAME JOB
tell() {
    printf '\n%s: job %s %s\n' "$1" "$2" "$(field "$2" "j['state']")"
    "$cail" log "$2" >"$out/$1.log" 2>&1
    "$cail" show "$2" --json >"$out/$1.json" 2>&1
    grep -aE '^(CUDA|NCCL|source|building|built|refused|error|[0-9]+ kernels|::cail metric|ccache)' "$out/$1.log" | tail -n 12
    "$cail" results "$2" 2>&1 | head -n 20
}

nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader
for tool in cmake ninja nvcc g++ python3 git; do printf '%s ' "$tool:$(type -P $tool || echo none)"; done
echo
cutlass() {
    job=$("$cail" submit cutlass-profile -p "source=$kit/src/cutlass.tar.gz" -p m=8192 -p n=8192 -p k=8192 -p rounds=3)
    await "$job"
    tell cutlass-profile "$job"
    # The build it uses is the job before it.
    tell cutlass-build $((job - 1))
}

nccl() {
    local home
    job=$("$cail" submit nccl-build -p "source=$kit/src/nccl.tar.gz")
    await "$job"
    tell nccl-build "$job"
    if [[ $(field "$job" "j['state']") == succeeded ]]; then
        home=$(readlink -f "$work/builds/current/nccl-build")
        job=$("$cail" submit nccl-tests -p "source=$kit/src/nccl-tests.tar.gz" -p "nccl_home=$home" -p min_bytes=1048576 \
            -p max_bytes=268435456)
        await "$job"
        tell nccl-tests "$job"
    fi
}

(($# > 0)) || set -- cutlass nccl
for part; do
    "$part"
done
echo
"$cail" ls
