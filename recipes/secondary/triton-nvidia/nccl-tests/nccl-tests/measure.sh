# shellcheck shell=bash
# Runs one collective over all leased cards, one process, one thread. The table goes to the log and
# table.txt, the tool's own JSON to an artifact, the figures of the largest size become metrics.
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"

# largest FILE: "BYTES TIME_US ALGBW BUSBW" of each half (out of place, in place) of the last row.
largest() {
    awk '$1 ~ /^[0-9]+$/ && NF >= 13 { row = $1 " out " $6 " " $7 " " $8 "\n" $1 " in " $10 " " $11 " " $12 }
        END { if (row != "") print row }' "$1"
}

# no_env FILE: the tool writes its whole environment into the JSON; that is nobody's business.
no_env() {
    sed -E 's/"env":\[("([^"\\]|\\.)*",?)*\]/"env":[]/' "$1"
}

program=$CAIL_BUILD_DIR/build/$(param collective all_reduce)_perf
[[ -x $program ]] || die "$program was not built"
gpus=$(granted_gpus)
((gpus > 0)) || refuse "no card was leased; ask for some: --gpus 2"
min=$(param min_bytes) max=$(param max_bytes)
((min <= max)) || refuse "min_bytes $min is more than max_bytes $max"

cuda_env "$CAIL_BUILD_DIR/lib"
say "cards: $gpus (${CAIL_GPU_UUIDS})"
[[ -z ${NCCL_NVLS_ENABLE-} ]] || say "NCCL_NVLS_ENABLE=$NCCL_NVLS_ENABLE"
table=$CAIL_ARTIFACTS/table.txt
json=$CAIL_ATTEMPT_DIR/raw.json
"$program" -b "$min" -e "$max" -f "$(param factor 4)" -g "$gpus" -n "$(param iters 20)" \
    -w "$(param warmup 5)" -J "$json" 2>&1 | tee "$table"

[[ ! -f $json ]] || no_env "$json" >"$CAIL_ARTIFACTS/nccl-tests.json"
rm -f -- "$json"
found=$(largest "$table")
[[ -n $found ]] || die "the run printed no row of figures"
while read -r bytes place time algbw busbw; do
    tags=("param.collective=$(param collective all_reduce)" "param.bytes=$bytes" "param.gpus=$gpus"
        "param.place=$place")
    metric nccl-tests time "$time" us lower time "${tags[@]}"
    metric nccl-tests algbw "$algbw" GB/s higher rate "${tags[@]}"
    # Of one card alone it is 0 by definition: nothing crossed a bus.
    ((gpus == 1)) || metric nccl-tests busbw "$busbw" GB/s higher rate "${tags[@]}"
done <<<"$found"
