# shellcheck shell=bash
# Runs mlir-opt over each input and reports how long it took: wall clock of the process on the log,
# mlir-opt's own time of each pass as files for the parser "mlir-timing".
#
# An input is one file of inputs/ with its symbols (name__0) repeated `copies` times under other
# names: mlir-opt prints times in tenths of a millisecond, so one copy alone would be lost in them.

rounds=$(rounds 5)
copies=$(param copies 48)

# all_mlir_opts: every installed one, "VERSION PATH" a line.
all_mlir_opts() {
    local path version
    for path in "$(type -P mlir-opt || true)" /usr/lib/llvm-*/bin/mlir-opt; do
        [[ -x $path ]] || continue
        version=$(tool_version mlir-opt "$path")
        [[ -z $version ]] || printf '%s %s\n' "$version" "$path"
    done
}

# One side's own, the named one, that of the ref asked for, else what we built last, else the highest
# version installed.
find_mlir_opt() {
    local wanted built
    if [[ -n ${CAIL_BIN_DIR-} ]]; then
        program mlir-opt
        printf '%s' "$MEASURED"
        return
    fi
    wanted=$(param mlir_opt)
    if [[ -n $wanted ]]; then
        [[ -f $wanted && -x $wanted ]] || refuse "mlir_opt: there is no program at $wanted"
        printf '%s' "$wanted"
        return
    fi
    if [[ -n $(param ref) ]]; then
        use_dir setup-llvm
        program mlir-opt "$USE_DIR/bin" || refuse "the build in $USE_DIR has no mlir-opt"
        printf '%s' "$MEASURED"
        return
    fi
    # -L: a link whose build was evicted from the cache points nowhere and is passed over.
    built=$(find -L "$CAIL_BUILD_ROOT/current" -mindepth 3 -maxdepth 3 -path '*/bin/mlir-opt' \
        -type f -printf '%T@ %p\n' 2>/dev/null | sort -rn | sed -n '1s/^[^ ]* //p' || true)
    [[ -n $built ]] || built=$(all_mlir_opts | sort -rV | sed -n '1s/^[^ ]* //p')
    [[ -n $built ]] || refuse "no mlir-opt here: install the Debian package mlir-19-tools" \
        "(apt-get install mlir-19-tools), or build one with the recipe setup-llvm"
    printf '%s' "$built"
}

# make_input FILE: the module that is measured.
make_input() {
    local i
    for ((i = 0; i < copies; i++)); do
        sed "s/__0\\b/__$i/g" "$1"
    done
}

# timed FILE OUT TIMING: one measured run; the wall clock in WALL_US.
timed() {
    local began
    began=$(now_us)
    "$mlir_opt" "$1" "${flags[@]}" --mlir-timing --mlir-timing-display=list \
        --mlir-output-format=json -o "$2" 2>"$3"
    WALL_US=$(($(now_us) - began))
}

# measure NAME: one round that is not counted, then the counted ones.
measure() {
    local name=$1 input output again timing said round
    local file="$CAIL_RECIPE_DIR/inputs/$name.mlir"
    input="$CAIL_ARTIFACTS/$name.before.mlir"
    output="$CAIL_ARTIFACTS/$name.after.mlir"
    again="$CAIL_ATTEMPT_DIR/$name.again.mlir"
    pipeline=$(param pipeline)
    [[ -n $pipeline ]] || pipeline=$(sed -n '1s,^// pipeline: ,,p' "$file")
    flags=("--pass-pipeline=$pipeline" "${threads[@]}")

    make_input "$file" >"$input"
    said=$("$mlir_opt" "$input" "${flags[@]}" -o "$output" 2>&1) || {
        head -n 20 <<<"$said" >&2
        die "$name: mlir-opt failed on this pipeline: $pipeline"
    }
    [[ -z $said ]] || head -n 20 <<<"$said"
    metric "$name" output_size "$(stat -c %s -- "$output")" bytes lower exact "param.copies=$copies"

    for ((round = 1; round <= rounds; round++)); do
        timing="$CAIL_ATTEMPT_DIR/timing"
        timed "$input" "$again" "$timing" || {
            head -n 20 "$timing" >&2
            die "$name: mlir-opt failed in round $round, though not in the first"
        }
        cmp -s -- "$output" "$again" ||
            die "$name: mlir-opt made other output in round $round: it is not deterministic"
        # What else it says on stderr comes before the report. One report after the other: each is a
        # sample of the same series.
        sed -n '/^\[$/,$p' "$timing" >>"$CAIL_RESULTS/$name.json"
        metric "$name" wall "$(us_to ms "$WALL_US")" ms lower time "param.copies=$copies"
        done_rounds=$((done_rounds + 1))
        progress "$done_rounds" "$all_rounds" "$name"
    done
    rm -f -- "$again" "$timing"
}

mlir_opt=$(find_mlir_opt)
version=$("$mlir_opt" --version)
say "mlir-opt: $mlir_opt"
sed -n 's/^ *\(.*version.*\)$/version: \1/p' <<<"$version"

threads=(--mlir-disable-threading)
[[ $(param threads false) != true ]] || threads=()

names=("$(param input all)")
if [[ ${names[0]} == all ]]; then
    names=()
    for file in "$CAIL_RECIPE_DIR"/inputs/*.mlir; do
        file=${file##*/}
        names+=("${file%.mlir}")
    done
fi
done_rounds=0 all_rounds=$((rounds * ${#names[@]}))
for name in "${names[@]}"; do
    measure "$name"
done
