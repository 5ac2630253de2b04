#!/bin/bash
# Comparisons on real programs: mlir-opt of two LLVM versions, and one version against itself twenty
# times while another process loads a core. The versions are those of CAIL_COMPARE_OLD and
# CAIL_COMPARE_NEW (folders with mlir-opt), else the lowest and highest of /usr/lib/llvm-*/bin. Where
# CAIL_UPSTREAM_LLVM_URL names LLVM's sources of the old version, MLIR's tests are compared too.
set -euo pipefail
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
bin=${CAIL_BIN:-build/bin}
work=$(mktemp -d)
passed=0 failed=0 load='' daemon=''

finish() {
    [[ -z $load ]] || kill "$load" 2>/dev/null || true
    [[ -z $daemon ]] || { kill "$daemon"; wait "$daemon" || true; } 2>/dev/null
    rm -rf -- "$work"
}
trap finish EXIT

check() { # WHAT, then a test
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok    $what"
    else
        failed=$((failed + 1))
        echo "FAIL  $what"
    fi
}

mapfile -t found < <(printf '%s\n' /usr/lib/llvm-*/bin/mlir-opt | sort -V)
old=${CAIL_COMPARE_OLD:-${found[0]%/mlir-opt}} new=${CAIL_COMPARE_NEW:-${found[-1]%/mlir-opt}}
if [[ ! -x $old/mlir-opt || ! -x $new/mlir-opt || $old == "$new" ]]; then
    echo "two versions of mlir-opt are needed: apt-get install mlir-19-tools mlir-22-tools"
    exit 1
fi

"$bin/cail-d" --listen 127.0.0.1:0 --port-file "$work/port" --socket "$work/sock" \
    --state-dir "$work/state" --build-root "$work/builds" --recipes recipes --set jobs.cpus=1 \
    >"$work/log" 2>&1 &
daemon=$!
until [[ -s $work/port ]]; do sleep 0.05; done
url=http://127.0.0.1:$(<"$work/port")

# compare BODY: the comparison at its end.
compare() {
    local doc id
    doc=$(curl -sf --json "$1" "$url/comparisons?wait=300")
    id=$(jq .id <<<"$doc")
    while [[ $(jq -r .finished_at <<<"$doc") == null ]]; do
        doc=$(curl -sf "$url/comparisons/$id?wait=300")
    done
    printf '%s' "$doc"
}

echo "mlir-opt: $("$old/mlir-opt" --version | sed -n 's/^ *//; /version/p') against" \
    "$("$new/mlir-opt" --version | sed -n 's/^ *//; /version/p')"
(while :; do :; done) &
load=$!
echo "another process loads a core all the while (pid $load of $(nproc) cpus)"

aa=0 verdicts=''
for ((i = 0; i < 20; i++)); do # with the confirmation that any comparison has
    doc=$(compare '{"kind":"aa","recipe":"mlir-opt-bench","params":{"input":"scf-sparse","copies":24},
        "base":{"bin_dir":"'"$new"'"},"rounds":10}')
    verdict=$(jq -r .verdict <<<"$doc")
    verdicts+=" $verdict"
    [[ $verdict != regression && $verdict != improvement ]] || aa=$((aa + 1))
    echo "A/A $((i + 1)) of 20: $verdict, wall $(jq -r '[.rows[] | select(.metric == "wall") |
        "\(.change_pct * 100 | round / 100) % [\(.effect_lo * 10000 | round / 10000),"
        + " \(.effect_hi * 10000 | round / 10000)]"] | first' <<<"$doc")"
done
check "the same version against itself: never a regression in 20 of 20 (${verdicts# })" [ $aa = 0 ]

doc=$(compare '{"recipe":"mlir-opt-bench","params":{"copies":24},"base":{"bin_dir":"'"$old"'"},
    "head":{"bin_dir":"'"$new"'"},"rounds":12,"min_effect":{"time":0.02}}')
id=$(jq .id <<<"$doc")
check "two versions: every input has a verdict on its time" \
    [ "$(jq '[.rows[] | select(.metric == "wall" and .n == 12)] | length' <<<"$doc")" = 6 ]
check "two versions: the report is there, and the same twice" \
    cmp -s <(curl -sf "$url/comparisons/$id/report") <(curl -sf "$url/comparisons/$id/report")
echo
echo "--- the report, as far as it gates ---"
curl -sf "$url/comparisons/$id/report" >"$work/report"
sed '/^<details>/,$d' "$work/report"
if [[ ${CAIL_UPSTREAM_LLVM_URL-} ]]; then
    subset=${CAIL_COMPARE_SUBSET:-Dialect/Arith}
    doc=$(compare '{"recipe":"check-mlir","params":{"with":"installed","subset":"'"$subset"'"},
        "base":{"ref":"HEAD","params":{"tools":"'"$old"'"},"label":"the old tools"},
        "head":{"ref":"HEAD","params":{"tools":"'"$new"'"},"label":"the new tools"}}')
    id=$(jq .id <<<"$doc")
    check "the old version's tests of $subset with the new one: every check has a verdict ($(jq -r \
        '[.checks[].verdict] | group_by(.) | map("\(length) \(.[0])") | join(", ")' <<<"$doc"), $(jq .checks_same <<<"$doc") alike)" \
        [ "$(jq '(.checks | length) + .checks_same > 0 and (.checks | all(.base == "ok" or .head != "ok"))' <<<"$doc")" = true ]
    check "exit code 1 where a test fails anew, else 0" [ "$(jq .exit_code <<<"$doc")" = \
        "$(jq 'if any(.checks[]; .verdict == "new_failure") then 1 else 0 end' <<<"$doc")" ]
    check "each side was run once, twice where a failure was to be confirmed" \
        [ "$(jq '.measurements | length' <<<"$doc")" = "$(jq 'if .exit_code == 1 then 4 else 2 end' <<<"$doc")" ]
    echo
    echo "--- the report of the tests, as far as it gates ---"
    curl -sf "$url/comparisons/$id/report" | sed '/^### Environment/,$d'
fi
echo "--- the noise that the A/A comparisons told ---"
curl -sf "$url/noise" | jq -r '.machines[] | "\(.comparisons) comparisons, \(.alarms) with a false alarm",
    (.series[] | select(.metric == "wall") | "\(.benchmark)/\(.metric): floor \(.floor * 10000 | round / 100) %, largest \(.largest * 10000 | round / 100) %")'
echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
