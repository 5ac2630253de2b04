# shellcheck shell=bash
# Runs the tests and counts how they ended. Any that failed fails the step.
# shellcheck source=/dev/null
. "$CAIL_LIB/llvm.sh"

# count_results FILE: one metric for each way a test can end, from lit's own JSON.
count_results() {
    local name better n
    while read -r name better n; do
        metric check-mlir "$name" "$n" tests "$better" count "param.subset=${subset:-all}"
    done < <(python3 - "$1" <<'PY'
import collections, json, sys
with open(sys.argv[1], encoding="utf-8") as f:
    tests = json.load(f)["tests"]
n = collections.Counter(t["code"] for t in tests)
n["PASS"] += 0
n["FAIL"] += 0
for code in sorted(n):
    better = {"PASS": "higher", "XFAIL": "neutral", "UNSUPPORTED": "neutral"}.get(code, "lower")
    print(code.lower(), better, n[code])
print("total", "neutral", len(tests))
PY
    )
}

build_root_open
llvm_jobs
subset=$(param subset)
# The configured tests, not the sources: lit finds its site configuration by this folder.
tests=$CAIL_BUILD_DIR/tools/mlir/test
[[ -x $CAIL_BUILD_DIR/bin/llvm-lit && -d $tests ]] ||
    die "$CAIL_BUILD_DIR holds no build of MLIR's tests"
[[ -z $subset || -e $CAIL_BUILD_DIR/source/mlir/test/$subset ]] ||
    refuse "mlir/test has no '$subset' at this commit"

code=0
"$CAIL_BUILD_DIR/bin/llvm-lit" -v --time-tests -j "$BUILD_JOBS" \
    -o "$CAIL_ARTIFACTS/lit.json" --xunit-xml-output="$CAIL_ARTIFACTS/lit.xml" \
    "$tests${subset:+/$subset}" || code=$?
[[ -s $CAIL_ARTIFACTS/lit.json ]] || die "lit ended with code $code and no results"
count_results "$CAIL_ARTIFACTS/lit.json"
exit "$code"
