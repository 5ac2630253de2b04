# shellcheck shell=bash
# Builds `targets` in $CAIL_BUILD_DIR and makes current/setup-llvm point there.
# shellcheck source=/dev/null
. "$CAIL_LIB/llvm.sh"

# report BEGAN_US: what was built, as a file for people and programs and one figure.
report() {
    local target path took
    took=$(($(now_us) - $1))
    {
        printf 'llvm-project %s (%s)\n' "$SRC_SHA" "$(<"$CAIL_JOB_DIR/ref")"
        printf 'build folder %s\n' "$CAIL_BUILD_DIR"
        printf '%s\n' "${LLVM_OPTIONS[@]}"
        for target in "${targets[@]}"; do
            path=$CAIL_BUILD_DIR/bin/$target
            [[ -f $path ]] || continue
            printf '\n%s, %s bytes\n' "$path" "$(stat -Lc %s -- "$path")"
            "$path" --version </dev/null 2>&1 | head -n 8 || true
        done
    } >"$CAIL_ARTIFACTS/build.txt"
    cat -- "$CAIL_ARTIFACTS/build.txt"
    cp -- "$CAIL_BUILD_DIR/.ninja_log" "$CAIL_ARTIFACTS/ninja_log"
    # The time of half a build says nothing, and that of one with a compiler cache is another figure.
    [[ $BUILD_FRESH != true ]] || metric setup-llvm wall "$(us_to s "$took")" s lower time \
        "param.ccache=$([[ -n $CCACHE ]] && echo on || echo off)"
}

IFS=, read -ra targets <<<"$(param targets mlir-opt,mlir-translate,clang)"
began=$(now_us)
llvm_build "${targets[@]}"
link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/setup-llvm"
report "$began"
