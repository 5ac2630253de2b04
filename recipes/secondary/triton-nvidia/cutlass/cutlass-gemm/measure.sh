# shellcheck shell=bash
# Runs the GEMM on the leased card. Each round is one process that checks its result, then repeats the
# GEMM for about `seconds` and prints the mean.
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"

m=$(param m 8192) n=$(param n 8192) k=$(param k 8192)

# gemm ITERATIONS: run it; its words on the log, the mean in GEMM_MS and GEMM_GFLOPS.
gemm() {
    local said
    said=$("$MEASURED" "--m=$m" "--n=$n" "--k=$k" "--iterations=$1" 2>&1) || {
        printf '%s\n' "$said" >&2
        die "the GEMM failed"
    }
    printf '%s\n' "$said" | tee -a "$CAIL_ARTIFACTS/gemm.txt"
    GEMM_MS=$(sed -n 's/^ *Avg runtime: \([0-9.e+-]*\) ms$/\1/p' <<<"$said")
    GEMM_GFLOPS=$(sed -n 's/^ *GFLOPS: \([0-9.e+-]*\)$/\1/p' <<<"$said")
    # On another card than a Hopper it says so and ends with 0.
    [[ -n $GEMM_MS && -n $GEMM_GFLOPS ]] || refuse "the GEMM gave no figures: ${said%%$'\n'*}"
}

program gemm "$CAIL_BUILD_DIR" || die "$CAIL_BUILD_DIR/gemm was not built"
(($(granted_gpus) > 0)) || refuse "no card was leased; ask for one: --gpus 1"
cuda_env

rounds=$(rounds 3) iterations=$(param iterations 0) seconds=$(param seconds 5)
say "GEMM $m x $n x $k, $(param element bf16)"
if ((iterations == 0)); then
    gemm 20
    iterations=$(awk -v s="$seconds" -v ms="$GEMM_MS" \
        'BEGIN { i = int(s * 1000 / ms); print (i < 1 ? 1 : i > 1e9 ? 1000000000 : i) }')
    say "$iterations iterations take about $seconds s"
fi
tags=("param.m=$m" "param.n=$n" "param.k=$k" "param.element=$(param element bf16)")
for ((round = 1; round <= rounds; round++)); do
    gemm "$iterations"
    metric cutlass-gemm gflops "$GEMM_GFLOPS" GFLOP/s higher rate "${tags[@]}"
    metric cutlass-gemm runtime "$GEMM_MS" ms lower time "${tags[@]}"
    progress "$round" "$rounds" rounds
done
