#!/bin/bash
# The noise of a real card: twenty comparisons of one GEMM with itself make its floor, and then a slow
# tile shape is a regression that fails. Programs come from the kit (gpu_kit.sh); nothing is built here.
#   tests/real/gpu_floor.sh
#   tests/real/gpu_floor.sh --judge FOLDER/doc
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=gpu_lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/gpu_lib.sh"
size='{m: 2048, n: 2048, k: 2048, iterations: 6000}'

run() {
    local i
    gpus_reach '.gpus | length == 1 and .[0].state == "free"' 20
    for ((i = 1; i <= 20; i++)); do
        compared "aa_$i" "$(tiles wide wide 6 "$size" | jq '.kind = "aa" | del(.head)')"
    done
    keep noise /noise
    jq -s '[.[] | {verdict, exit_code}]' "$doc"/aa_[0-9]*.json >"$doc/aa.json"
    compared slower "$(tiles wide small 10 "$size")"
    keep_text cail_noise "$cail" noise
}

table() {
    sed 's/^    //' <<'T'
    # what | document | jq
    twenty comparisons of identical code, on one machine | noise | .machines | length == 1 and .[0].comparisons == 20
    none of them a failure | aa | map(.exit_code) | unique == [0]
    the floor of the figure is known, and under 5 % | noise | [.machines[0].series[] | select(.metric == "gflops")][0] | .wanted == 0 and .floor > 0 and .floor < 0.05
    the machine is named by its card | noise | .machines[0].machine | tostring | test("H[12]00")
    the slower tile shape: judged against that floor | slower | [.rows[] | select(.metric == "gflops")][0].floor > 0
    it is a regression, seen again | slower | [.rows[] | select(.metric == "gflops")][0] | .verdict == "regression" and (.flags | index("confirmed") != null)
    and fails with 1: no warning any more | slower | .exit_code == 1
    at the end the card is free | gpus_last | .gpus[0] | .uuid != null and .lease == null
T
}

kit_main "$@"
