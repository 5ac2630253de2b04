#!/bin/bash
# Comparisons on a real card: a CUTLASS GEMM with two tile shapes, one of them against itself, and one so
# large that it meets the power cap. Programs come from the kit (gpu_kit.sh); nothing is built here.
#   tests/real/gpu_compare.sh
#   tests/real/gpu_compare.sh --judge FOLDER/doc
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=gpu_lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/gpu_lib.sh"

beside() {
    # shellcheck disable=SC2016 # $CUDA_VISIBLE_DEVICES is the job's
    submit other "$(script 'echo "$CUDA_VISIBLE_DEVICES"' '.needs.gpus = 1')"
    sleep 2
    keep why_other "/jobs/${id[other]}/why"
}

run() {
    gpus_reach '.gpus | length == 1 and .[0].state == "free"' 20
    keep gpus_idle /gpus
    compared tiles "$(tiles wide narrow 8 '{m: 2048, n: 2048, k: 2048, seconds: 1}')" &
    local tiles=$!
    sleep 8
    beside
    wait "$tiles"
    finish other 30
    id[tiles]=$(jq -r '.jobs.measure // 0' "$doc/tiles.json")
    compared itself "$(tiles wide wide 8 '{m: 2048, n: 2048, k: 2048, seconds: 1}')"
    compared capped "$(tiles wide wide 6 '{m: 8192, n: 8192, k: 8192, seconds: 2}')"
    keep noise /noise
}

# shellcheck disable=SC2016 # $k is jq's
table() {
    sed 's/^    //' <<'T'
    # what | document | jq
    two tile shapes: measured to the end | tiles | .state == "finished" and .provisional == false
    eight whole rounds or more | tiles | [.rows[] | select(.metric == "gflops")][0].n >= 8
    the tile shapes differ, confirmed | tiles | [.rows[] | select(.metric == "gflops")][0] | (.verdict == "regression" or .verdict == "improvement") and (.flags | index("confirmed") != null)
    all processes under one lease | tiles | [.measurements[].lease] | unique == [0]
    every attempt on the one card | job_tiles | [.attempts[].gpus] | unique == [$k.cards]
    a job beside it waited for the comparison | why_other | tostring | test("job \($k.ids.tiles)\\b")
    and ran after it | job_other | .state == "succeeded"
    the report names both tiles and the card | report_tiles | .text | contains("tile 128x64x64") and contains($k.cards[0])
    a fingerprint with the card | tiles | .fingerprint != null
    the same program against itself is no regression | itself | .verdict == "same" or .verdict == "inconclusive"
    8192: the power cap taints rounds | capped | [.measurements[] | select(.state == "tainted")] | length > 0
    they were taken again, a bounded number of times | capped | .measurements | length > 14 and length <= 2 * (1 + 6 + 4) * 2
    the verdict says so | capped | .flags | index("tainted") != null
    and it is no regression | capped | .verdict == "same" or .verdict == "inconclusive"
    at the end the card is free | gpus_last | .gpus[0] | .uuid != null and .lease == null
T
}

kit_main "$@"
