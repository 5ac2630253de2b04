# shellcheck shell=bash
# Runs the profiler of the build it uses on the leased card, `rounds` times.
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"

use_dir cutlass-build
program cutlass_profiler "$USE_DIR/bin" || die "the build in $USE_DIR has no cutlass_profiler"
(($(granted_gpus) > 0)) || refuse "no card was leased; ask for one: --gpus 1"
cuda_env "$USE_DIR/lib"
rounds=$(rounds 3)
operation=$(param operations gemm) kernels=$(param kernels)
args=("--operation=${operation^}" "--m=$(param m 4096)" "--n=$(param n 4096)" "--k=$(param k 4096)"
    "--profiling-iterations=$(param iterations 100)" "--warmup-iterations=$(param warmup 20)"
    "--verification-enabled=$(param verify false)")
# Without a filter it runs all that was built, which is what the filter chose.
[[ -z $kernels ]] || args+=("--kernels=$kernels")

for ((round = 1; round <= rounds; round++)); do
    at=$CAIL_ATTEMPT_DIR/round.$round
    mkdir -p -- "$at"
    "$MEASURED" "${args[@]}" "--output=$at/report.csv" 2>&1 | tee "$CAIL_ARTIFACTS/profiler.$round.txt"
    # It puts the kind of the operation into the name: report.gemm.csv.
    found=("$at"/*.csv)
    [[ -s ${found[0]} ]] || die "the profiler wrote no report; on a card of another kind no kernel runs"
    (($(wc -l <"${found[0]}") > 1)) ||
        refuse "no kernel ran: they are built for $(sed -n 's/.*_sm\([0-9]*\)_.*/sm_\1/p' \
            "$USE_DIR/kernels.txt" 2>/dev/null | sort -u | paste -sd' ')"
    cp -- "${found[0]}" "$CAIL_ARTIFACTS/report.$round.csv"
    mv -- "${found[0]}" "$CAIL_RESULTS/report.$round.csv"
    rm -rf -- "$at"
    progress "$round" "$rounds" rounds
done
