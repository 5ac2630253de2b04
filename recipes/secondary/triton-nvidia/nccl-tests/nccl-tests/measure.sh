# shellcheck shell=bash
# Runs one collective over all leased cards, one process, one thread. The table goes to the log and
# table.txt; the tool's own JSON has every size for the parser "nccl-tests"; the bandwidth at the
# largest size is told on the log too, as the one figure of the run.
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"

# largest FILE: "BYTES ALGBW BUSBW" of the last row, out of place.
largest() {
    awk '$1 ~ /^[0-9]+$/ && NF >= 9 { row = $1 " " $7 " " $8 } END { if (row != "") print row }' "$1"
}

# no_env FILE: the tool writes its whole environment into the JSON; that is nobody's business.
no_env() {
    sed -E 's/"env":\[("([^"\\]|\\.)*",?)*\]/"env":[]/' "$1"
}

program "$(param collective all_reduce)_perf" "$CAIL_BUILD_DIR/build" || die "$MEASURED was not built"
gpus=$(granted_gpus)
((gpus > 0)) || refuse "no card was leased; ask for some: --gpus 2"
min=$(param min_bytes) max=$(param max_bytes)
((min <= max)) || refuse "min_bytes $min is more than max_bytes $max"

cuda_env "$CAIL_BUILD_DIR/lib"
say "cards: $gpus (${CAIL_GPU_UUIDS})"
[[ -z ${NCCL_NVLS_ENABLE-} ]] || say "NCCL_NVLS_ENABLE=$NCCL_NVLS_ENABLE"
table=$CAIL_ARTIFACTS/table.txt
json=$CAIL_ATTEMPT_DIR/raw.json
"$MEASURED" -b "$min" -e "$max" -f "$(param factor 4)" -g "$gpus" -n "$(param iters 20)" \
    -w "$(param warmup 5)" -J "$json" 2>&1 | tee "$table"

if [[ -f $json ]]; then
    no_env "$json" >"$CAIL_RESULTS/nccl-tests.json"
    cp -- "$CAIL_RESULTS/nccl-tests.json" "$CAIL_ARTIFACTS/nccl-tests.json"
    rm -f -- "$json"
fi
read -r bytes algbw busbw < <(largest "$table") || die "the run printed no row of figures"
tags=("param.collective=$(param collective all_reduce)" "param.bytes=$bytes" "param.gpus=$gpus")
if ((gpus > 1)); then
    metric nccl-tests busbw_largest "$busbw" GB/s higher rate "${tags[@]}"
else
    # The bus bandwidth of one card alone is 0 by definition: nothing crossed a bus.
    metric nccl-tests algbw_largest "$algbw" GB/s higher rate "${tags[@]}"
fi
