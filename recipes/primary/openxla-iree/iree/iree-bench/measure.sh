# shellcheck shell=bash
# Runs the benchmark programs of the build it uses (variant runtime), or compiles the sample modules and
# runs them with iree-benchmark-module (variant compiler). One Google Benchmark JSON file for each
# program and round; nothing is written to the build. The runtime's tests and what needs no clock come
# first and once: so both halves of a comparison's round begin with them, or neither.
# shellcheck source=/dev/null
. "$CAIL_LIB/binary.sh"

# run_tests: the runtime's own, by ctest from a folder of ours, for it writes where it runs. Sets
# TESTS_CODE; what came out of each is in tests.xml.
run_tests() {
    local ctest folders
    folders=$(param tests base)
    [[ -n $folders ]] || return 0
    ctest=$(sed -n 's/^CMAKE_CTEST_COMMAND:INTERNAL=//p' "$USE_DIR/CMakeCache.txt")
    [[ -x $ctest ]] || refuse "the ctest of the cmake that built it is gone from '$ctest'"
    mkdir -p tests
    printf 'subdirs("%s")\n' "$USE_DIR" >tests/CTestTestfile.cmake
    "$ctest" --test-dir tests -R "^iree/(${folders//,/|})/" --no-tests=error --timeout 300 \
        -j "$(granted_cpus)" --output-on-failure --output-junit "$CAIL_RESULTS/tests.xml" || TESTS_CODE=$?
    [[ -s $CAIL_RESULTS/tests.xml ]] || die "ctest ended with code $TESTS_CODE and no results"
}

# min_time PROGRAM: the argument, in the form this version takes: a bare number of seconds before 1.8.
min_time() {
    local s
    s=$(us_to s $(($(param min_time_ms 20) * 1000)))
    if "$1" --help 2>&1 | grep -q 'benchmark_min_time=.*<integer>x'; then
        printf -- '--benchmark_min_time=%ss' "$s"
    else
        printf -- '--benchmark_min_time=%s' "$s"
    fi
}

# run_round NAME ROUND PROGRAM ARG...: one process. Its JSON is a result when it is whole.
run_round() {
    local out="$CAIL_ATTEMPT_DIR/out.json" name=$1 round=$2
    shift 2
    "$@" "$(min_time "$1")" ${filter:+"--benchmark_filter=$filter"} \
        --benchmark_format=json >"$out" || die "$name failed in round $round"
    # Without a match it prints nothing.
    [[ -s $out ]] || refuse "$name has no benchmark that matches '$filter'"
    cp -- "$out" "$CAIL_ARTIFACTS/$name.$round.json"
    mv -- "$out" "$CAIL_RESULTS/$name.$round.json"
    done_rounds=$((done_rounds + 1))
    progress "$done_rounds" "$((rounds * count))" "$name"
}

# tool NAME: MEASURED is one side's own, or that of the build.
tool() {
    program "$1" "$USE_DIR/bench" "$USE_DIR/tools" ||
        refuse "the build has no program $1; it has: $(cd -- "$USE_DIR/bench" && echo *)"
}

measure_runtime() {
    local name round
    local -a names
    IFS=, read -ra names <<<"$(param programs bitmap)"
    if [[ ${names[*]} == all ]]; then
        mapfile -t names < <(cd -- "$USE_DIR/bench" && printf '%s\n' *_benchmark | sed 's/_benchmark$//')
    fi
    count=${#names[@]}
    for name in "${names[@]}"; do
        tool "${name}_benchmark"
        say "$MEASURED"
        if first_round; then
            binary_figures "${name}_benchmark" "$MEASURED"
        fi
        for ((round = 1; round <= rounds; round++)); do
            run_round "$name" "$round" "$MEASURED"
        done
    done
}

# measure_modules: each sample goes through iree-compile (its time and the module's size are figures
# too), then through iree-benchmark-module.
measure_modules() {
    local file name round entry vmfb began compile
    local -a args files=("$CAIL_RECIPE_DIR"/inputs/*.mlir)
    count=${#files[@]}
    tool iree-compile
    compile=$MEASURED
    tool iree-benchmark-module
    for file in "${files[@]}"; do
        name=${file##*/} name=${name%.mlir} vmfb=$CAIL_ATTEMPT_DIR/module.vmfb
        cp -- "$file" "$CAIL_ARTIFACTS/"
        IFS=' ' read -ra args <<<"$(sed -n '1s,^// entry: ,,p' "$file")"
        entry=${args[0]}
        for ((round = 1; round <= rounds; round++)); do
            began=$(now_us)
            "$compile" --iree-hal-target-device=local --iree-hal-local-target-device-backends=llvm-cpu \
                --iree-llvmcpu-target-cpu=host "$file" -o "$vmfb"
            metric "$name" compile_time "$(us_to ms $(($(now_us) - began)))" ms lower time
            ((round > 1)) || ! first_round || metric "$name" vmfb_size "$(stat -c %s -- "$vmfb")" bytes lower exact
            run_round "$name" "$round" "$MEASURED" "--module=$vmfb" "--function=$entry" \
                --device=local-task "${args[@]:1}"
        done
    done
    rm -f -- "$CAIL_ATTEMPT_DIR/module.vmfb"
}

TESTS_CODE=0 USE_DIR=''
# A side's own programs stand for a build, and have no tests.
[[ -n ${CAIL_BIN_DIR-} ]] || use_dir setup-iree
if first_round && [[ -n $USE_DIR ]]; then
    run_tests
fi
rounds=$(rounds 3) filter=$(param filter) done_rounds=0
case $(param variant runtime) in
runtime) measure_runtime ;;
*) measure_modules ;;
esac
((TESTS_CODE == 0)) || die "tests of the runtime fail; what they say is above"
