#!/bin/bash
# The recipes of the upstreams, through a daemon of their own, over real sources without a network: bare
# repositories NAME.git in UPSTREAMS (llvm, llvm-test-suite, iree, flatcc, benchmark, googletest, nccl,
# nccl-tests, cutlass, tokio, firecracker; git config uploadpack.allowFilter true in each). Counts and
# states, no times: they are of whatever else this machine does.
#   UPSTREAMS=/path CMAKE=/path/cmake-3.26 tests/real/recipes.sh
# Needs Debian's mlir-19-tools llvm-19-tools clang-19 librust-tokio-dev librust-bencher-dev, rustfmt and a
# cmake of at least 3.26 (CMAKE, else PATH's).
set -euo pipefail
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${CAIL_BIN:-$root/build/bin}
ups=${UPSTREAMS:?a folder of bare repositories}
cmake=${CMAKE:-$(type -P cmake)}
# shellcheck source=tests/lib/real_daemon.sh
. "$root/tests/lib/real_daemon.sh"

for repo in "$ups"/*.git; do
    name=${repo##*/} name=${name%.git} name=${name^^}
    export "CAIL_UPSTREAM_${name//-/_}_URL=file://$repo"
done
for name in flatcc benchmark googletest; do
    export "CAIL_UPSTREAM_IREE_${name^^}_URL=file://$ups/$name.git"
done
# XLA is not among them: the clone and its notes over another large repository.
: "${CAIL_UPSTREAM_XLA_URL:=file://$ups/iree.git}"
export CAIL_UPSTREAM_XLA_URL
mkdir -p "$work/home"
ln -s "$HOME/.cargo" "$HOME/.rustup" "$work/home/" 2>/dev/null || true
real_daemon "$bin" "$work/home" --recipes "$root/recipes"
failed=0

# said JOB: the logs of its steps, one after the other.
said() {
    local n
    for n in 1 2 3; do
        "$bin/cail" log "$1" --attempt "$n" 2>/dev/null || true
    done
}

# expect STATE NAME ARG...: submit, wait, and tell what it left.
expect() {
    local state=$1 name=$2 job got doc
    shift 2
    job=$("$bin/cail" submit "$name" "$@")
    "$bin/cail" wait "$job" >/dev/null 2>&1 || true
    doc=$("$bin/cail" show "$job" --json)
    got=$(jq -r .state <<<"$doc")
    printf '%-22s %-9s %s results, uses %s; %s\n' "$name" "$got" "$(jq '.results | length' <<<"$doc")" \
        "$(jq -c '[.uses[]?.recipe]' <<<"$doc")" "$*"
    if [[ $got != "$state" ]]; then
        "$bin/cail" log "$job" | tail -n 20
        failed=1
    elif [[ $state == failed ]]; then
        said "$job" | grep -a '^refused:' | sed 's/^/    /' || true
    else
        said "$job" | grep -aE '^(passed|failed|  (Passed|Unsupported|Expectedly)|[0-9]+ kernels|built in .*, tokio|iree:|llvm:|clang:|programs )' |
            sed 's/^/    /' | head -n 8 || true
    fi
    last=$job
}

expect succeeded nccl-notes
expect succeeded clone-xla -p worktree=false
expect succeeded tokio-check
expect succeeded firecracker-check
expect succeeded check-mlir -p with=installed
expect succeeded mlir-opt-bench -p rounds=2
expect succeeded llvm-test-suite-bench -p clang=/usr/lib/llvm-19/bin/clang -p rounds=2 \
    -p subdirs=SingleSource/Benchmarks/Stanford
expect succeeded tokio-bench -p ref=tokio-1.24.1 -p tokio=vendored -p vendor=/usr/share/cargo/registry \
    -p benches=sync_mpsc,spawn,echo -p rounds=1 -p seconds=1
expect succeeded cutlass-build -p what=generator -p arch=90 \
    -p 'kernels=cutlass3x_sm90_tensorop_gemm_bf16_bf16_f32_bf16_bf16_128x128x64*'
expect succeeded iree-bench -p "cmake=$cmake" -p rounds=2 -p min_time_ms=20
echo "the repro script of that job:"
(curl -fsS "$CAIL_URL/jobs/$last/repro" >"$work/repro.sh" && PATH=$bin:$PATH bash "$work/repro.sh" >"$work/out" 2>&1 &&
    echo "    ran, $(grep -c '::cail progress' "$work/out") rounds") || { tail "$work/out" && failed=1; }
echo "what cannot run here says so:"
expect failed triton-quickstart
expect failed perf-analyzer
expect failed xla-hlo-bench
expect failed firecracker-check -p depth=check
expect failed tokio-check -p depth=test
expect succeeded clean-all
echo "machine: $(nproc) cpus, $(uname -r); $("$cmake" --version | head -n1)"
exit "$failed"
