# shellcheck shell=bash
# Configures and builds in $CAIL_BUILD_DIR; the benchmark programs get one folder of links, bench/, so
# that who uses this build needs to know nothing of its layout.
# shellcheck source=/dev/null
. "$CAIL_LIB/iree.sh"

# runtime_targets FOLDER|FOLDER... NAME: the ninja targets that are programs of the runtime, by files.
runtime_targets() {
    ninja -C "$CAIL_BUILD_DIR" -t targets all |
        sed -En "s,^(runtime/src/iree/($1)/[^:]*_$2): .*EXECUTABLE.*$,\\1,p" | sort -u
}

# bench_targets: Google Benchmark programs. Those of one kernel each (ukernel tools) and of drivers that
# are not built are left out; module_size_benchmark is measured by its size.
bench_targets() {
    runtime_targets 'base|vm|hal|task|tokenizer|async' benchmark | grep -v '/module_size_benchmark$'
}

# bench_link FILE: bench/NAME for each program of the list that was built.
bench_link() {
    local path
    rm -rf -- "$CAIL_BUILD_DIR/bench"
    mkdir -- "$CAIL_BUILD_DIR/bench"
    while IFS= read -r path; do
        [[ ! -x $CAIL_BUILD_DIR/$path ]] ||
            ln -s -- "../$path" "$CAIL_BUILD_DIR/bench/${path##*/}"
    done <"$1"
}

# report BEGAN_US: what was built.
report() {
    local took tool
    took=$(($(now_us) - $1))
    {
        printf 'iree %s (%s), %s\nbuild folder %s\n' "$SRC_SHA" "$SRC_REF" "$(param variant runtime)" \
            "$CAIL_BUILD_DIR"
        printf '%s\n' "${IREE_OPTIONS[@]}"
        for tool in "$CAIL_BUILD_DIR"/tools/iree-* "$CAIL_BUILD_DIR"/bench/*; do
            [[ -f $tool && -x $tool ]] || continue
            printf '%s, %s bytes\n' "${tool#"$CAIL_BUILD_DIR"/}" "$(stat -Lc %s -- "$tool")"
        done
    } | tee "$CAIL_ARTIFACTS/build.txt"
    cp -- "$CAIL_BUILD_DIR/.ninja_log" "$CAIL_ARTIFACTS/ninja_log"
    [[ $BUILD_FRESH != true ]] || metric setup-iree wall "$(us_to s "$took")" s lower time \
        "param.ccache=$([[ -n $CCACHE ]] && echo on || echo off)"
    ccache_report setup-iree
}

build_root_open
build_tools
iree_options
source_kept
iree_source "$SRC_SHA"
build_jobs 3072
began=$(now_us)
build_fresh CMakeCache.txt
iree_configure
IFS=, read -ra targets <<<"$(param targets)"
list=$CAIL_ARTIFACTS/benchmarks.txt
bench_targets >"$list"
if ((${#targets[@]} == 0)); then
    mapfile -t targets < <(iree_tools && cat -- "$list")
fi
tests=$(param tests)
if [[ -n $tests ]]; then
    mapfile -t -O "${#targets[@]}" targets < <(runtime_targets "${tests//,/|}" test)
fi
ninja -C "$CAIL_BUILD_DIR" -j "$BUILD_JOBS" "${targets[@]}"
bench_link "$list"
link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/setup-iree"
report "$began"
