# shellcheck shell=bash
# How the recipes of llvm-project configure and build it. A recipe's version covers its own folder
# only, so llvm_key puts this file's digest among the things a build depends on.
# shellcheck source=/dev/null
. "$CAIL_LIB/build.sh"

# llvm_options: what decides the content of the build, as cmake arguments in LLVM_OPTIONS.
llvm_options() {
    local projects
    projects=$(param projects 'clang;mlir')
    LLVM_OPTIONS=(
        "-DCMAKE_BUILD_TYPE=$(param build_type Release)"
        "-DLLVM_ENABLE_ASSERTIONS=$([[ $(param assertions true) == true ]] && echo ON || echo OFF)"
        "-DLLVM_ENABLE_PROJECTS=${projects//,/;}"
        "-DLLVM_TARGETS_TO_BUILD=$(param backends Native)"
        "-DCMAKE_C_COMPILER=$BUILD_CC"
        "-DCMAKE_CXX_COMPILER=$BUILD_CXX"
        "-DLLVM_ENABLE_LLD=$BUILD_LLD"
        -DLLVM_INCLUDE_BENCHMARKS=OFF
        -DLLVM_INCLUDE_EXAMPLES=OFF
        -DLLVM_ENABLE_BINDINGS=OFF
        -DLLVM_ENABLE_ZSTD=OFF
        -DLLVM_ENABLE_LIBXML2=OFF
    )
}

# llvm_key SHA: the lines of cache-key.
llvm_key() {
    printf 'sha %s\n' "$1"
    build_key llvm
    printf 'cmake %s\n' "$(cmake --version | sed -n 1p)"
    printf 'option %s\n' "${LLVM_OPTIONS[@]}"
}

# llvm_jobs: a link of a release build takes up to 3 GiB, one with debug information up to 8 GiB.
llvm_jobs() {
    case $(param build_type Release) in
    Debug | RelWithDebInfo) build_jobs 8192 1024 ;;
    *) build_jobs 3072 ;;
    esac
}

# llvm_fetch: the step that finds the commit. Leaves it for the later steps and keys the cache.
llvm_fetch() {
    build_root_open
    build_tools
    llvm_options
    source_get llvm "$(param ref)"
    say "llvm: ${SRC_REF:-HEAD} is $SRC_SHA"
    printf '%s\n' "$SRC_SHA" >"$CAIL_JOB_DIR/sha"
    printf '%s\n' "$SRC_REF" >"$CAIL_JOB_DIR/ref"
    llvm_key "$SRC_SHA" | key_write
}

# llvm_configure: into $CAIL_BUILD_DIR. A folder where that was done before is only brought up to date.
llvm_configure() {
    local root=$CAIL_BUILD_DIR maps
    ccache_begin
    source_link "$SRC_DIR"
    maps="$(prefix_maps "$root/source" llvm-project) -ffile-prefix-map=$SRC_DIR/=llvm-project/"
    say "configuring $root with $BUILD_CXX, lld $BUILD_LLD, ccache ${CCACHE:-none}," \
        "$BUILD_JOBS compilers and $BUILD_LINKS linkers at a time"
    cmake -G Ninja -S "$root/source/llvm" -B "$root" "${LLVM_OPTIONS[@]}" \
        ${BUILD_LAUNCHER[@]+"${BUILD_LAUNCHER[@]}"} \
        "-DCMAKE_C_FLAGS=$maps" "-DCMAKE_CXX_FLAGS=$maps" \
        "-DLLVM_PARALLEL_LINK_JOBS=$BUILD_LINKS"
}

# llvm_build TARGET...: configure and build. BUILD_FRESH tells whether it began from nothing.
llvm_build() {
    local sha
    build_root_open
    build_tools
    llvm_options
    llvm_jobs
    sha=$(<"$CAIL_JOB_DIR/sha")
    # No network: the mirror has the commit. A worktree that was removed meanwhile is made again.
    source_get llvm "$sha"
    build_fresh CMakeCache.txt
    llvm_configure
    ninja -C "$CAIL_BUILD_DIR" -j "$BUILD_JOBS" "$@"
    ccache_report "$CAIL_RECIPE"
}
