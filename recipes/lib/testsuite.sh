# shellcheck shell=bash
# What llvm-test-suite needs: a clang, lit and llvm-size, from one LLVM where that is possible.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/build.sh"

# lit_find DIR: LIT, of this LLVM, else of any.
lit_find() {
    local file
    for file in "$1/llvm-lit" "$1/lit" "$1/../build/utils/lit/lit.py" "$(tool_path lit || true)" \
        /usr/lib/llvm-*/bin/lit /usr/lib/llvm-*/build/utils/lit/lit.py; do
        if [[ -x $file ]]; then
            LIT=$(readlink -e -- "$file")
            return
        fi
    done
    refuse "no lit here (Debian package: llvm-19-tools)"
}

# suite_tools: CLANG as asked, else of one side, of llvm_ref, of PATH; SIZE may be empty.
suite_tools() {
    local dir
    CLANG=$(param clang)
    if [[ -n ${CAIL_BIN_DIR-} ]]; then
        program clang
        CLANG=$MEASURED
    elif [[ -n $(param llvm_ref) ]]; then
        use_dir setup-llvm
        CLANG=$USE_DIR/bin/clang
    elif [[ -z $CLANG ]]; then
        CLANG=$(type -P clang)
    fi
    [[ -x $CLANG ]] || refuse "clang: there is no program at $CLANG"
    [[ -x $CLANG++ ]] || refuse "there is no clang++ beside $CLANG"
    dir=$(readlink -e -- "$CLANG")
    dir=${dir%/*}
    lit_find "$dir"
    SIZE=$dir/llvm-size
    [[ -x $SIZE ]] || SIZE=$(tool_path llvm-size || true)
    say "clang: $CLANG, lit: $LIT, llvm-size: ${SIZE:-none, so no sizes}"
}

# suite_source REF: the suite is a repository of its own beside llvm-project.
suite_source() {
    export CAIL_UPSTREAM_LLVM_TEST_SUITE_URL=${CAIL_UPSTREAM_LLVM_TEST_SUITE_URL:-https://github.com/llvm/llvm-test-suite.git}
    source_any llvm-test-suite "$1" '' litsupport lit.site.cfg.in
}
