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
if [[ $(param with built) == built ]]; then
    # The configured tests, not the sources: lit finds its site configuration by this folder.
    tests=$CAIL_BUILD_DIR/tools/mlir/test lit=$CAIL_BUILD_DIR/bin/llvm-lit
else
    tests=$CAIL_BUILD_DIR/test lit=$(sed -n 2p "$CAIL_JOB_DIR/tools")
fi
[[ -x $lit && -d $tests ]] || die "$CAIL_BUILD_DIR holds no build of MLIR's tests"
[[ -z $subset || -e $CAIL_BUILD_DIR/source/mlir/test/$subset ]] ||
    refuse "mlir/test has no '$subset' at this commit"
wanted=("$tests${subset:+/$subset}")
if [[ -z $subset && $(param with built) == installed ]]; then
    # Not the integration tests and bindings, which need what the packages do not have.
    wanted=()
    for dir in Analysis Conversion Dialect IR Pass Transforms Target Rewrite mlir-tblgen mlir-opt; do
        [[ ! -d $CAIL_BUILD_DIR/source/mlir/test/$dir ]] || wanted+=("$tests/$dir")
    done
fi

code=0
"$lit" -v --time-tests -j "$BUILD_JOBS" \
    -o "$CAIL_ARTIFACTS/lit.json" --xunit-xml-output="$CAIL_ARTIFACTS/lit.xml" \
    "${wanted[@]}" || code=$?
[[ -s $CAIL_ARTIFACTS/lit.json ]] || die "lit ended with code $code and no results"
cp -- "$CAIL_ARTIFACTS/lit.json" "$CAIL_RESULTS/"
count_results "$CAIL_ARTIFACTS/lit.json"
exit "$code"
