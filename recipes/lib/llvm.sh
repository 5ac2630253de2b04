# shellcheck shell=bash
# How the recipes of llvm-project configure and build it. A recipe's version covers its own folder
# only, so llvm_key puts this file's digest among the things a build depends on.

# llvm_tools: the compilers and the linker that will be used, from the parameters and what is here.
llvm_tools() {
    case $(param compiler auto) in
    gcc) LLVM_CC=$(type -P gcc) LLVM_CXX=$(type -P g++) ;;
    clang) LLVM_CC=$(type -P clang) LLVM_CXX=$(type -P clang++) ;;
    *)
        if type -P clang++ >/dev/null; then
            LLVM_CC=$(type -P clang) LLVM_CXX=$(type -P clang++)
        else
            LLVM_CC=$(type -P gcc) LLVM_CXX=$(type -P g++)
        fi
        ;;
    esac || refuse "the compiler '$(param compiler)' is not installed" \
        "(Debian packages: gcc and g++, or clang)"
    LLVM_LLD=OFF
    ! type -P ld.lld >/dev/null || LLVM_LLD=ON
    LLVM_CCACHE=''
    [[ $(param ccache true) != true ]] || LLVM_CCACHE=$(type -P ccache || true)
}

# llvm_options: what decides the content of the build, as cmake arguments in LLVM_OPTIONS.
llvm_options() {
    local projects
    projects=$(param projects 'clang;mlir')
    LLVM_OPTIONS=(
        "-DCMAKE_BUILD_TYPE=$(param build_type Release)"
        "-DLLVM_ENABLE_ASSERTIONS=$([[ $(param assertions true) == true ]] && echo ON || echo OFF)"
        "-DLLVM_ENABLE_PROJECTS=${projects//,/;}"
        "-DLLVM_TARGETS_TO_BUILD=$(param backends Native)"
        "-DCMAKE_C_COMPILER=$LLVM_CC"
        "-DCMAKE_CXX_COMPILER=$LLVM_CXX"
        "-DLLVM_ENABLE_LLD=$LLVM_LLD"
        -DLLVM_INCLUDE_BENCHMARKS=OFF
        -DLLVM_INCLUDE_EXAMPLES=OFF
        -DLLVM_ENABLE_BINDINGS=OFF
        -DLLVM_ENABLE_ZSTD=OFF
        -DLLVM_ENABLE_LIBXML2=OFF
    )
}

# llvm_key SHA: the lines of cache-key.
llvm_key() {
    local line
    printf 'sha %s\n' "$1"
    for line in "$LLVM_CC" "$LLVM_CXX"; do
        printf 'compiler %s: %s, %s\n' "$line" "$("$line" --version | sed -n 1p)" \
            "$("$line" -dumpmachine)"
    done
    [[ $LLVM_LLD == OFF ]] || printf 'linker %s\n' "$(ld.lld --version)"
    printf 'cmake %s\n' "$(cmake --version | sed -n 1p)"
    printf 'option %s\n' "${LLVM_OPTIONS[@]}"
    printf 'script %s\n' "$(sha256sum <"$CAIL_LIB/llvm.sh")"
}

# The compiler cache lies in the build root, so it goes with it, unless the daemon's own environment
# names another. Paths below the build folder are hashed as relative ones, and prefix maps keep the
# folder's name out of the objects: another commit's build, in another folder, finds them.
llvm_ccache_env() {
    [[ -n $LLVM_CCACHE ]] || return 0
    export CCACHE_DIR=${CCACHE_DIR:-$CAIL_BUILD_ROOT/ccache}
    export CCACHE_BASEDIR=$CAIL_BUILD_DIR CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-20G}
    LLVM_LAUNCHER=("-DCMAKE_C_COMPILER_LAUNCHER=$LLVM_CCACHE"
        "-DCMAKE_CXX_COMPILER_LAUNCHER=$LLVM_CCACHE")
}

# llvm_jobs: LLVM_JOBS compilers and LLVM_LINKS linkers at a time. A link of a release build takes up
# to 3 GiB, one with debug information up to 8 GiB; more of them than fit end in the OOM killer.
llvm_jobs() {
    local each=3072 free
    case $(param build_type Release) in
    Debug | RelWithDebInfo) each=8192 ;;
    esac
    LLVM_JOBS=$(param jobs 0)
    ((LLVM_JOBS > 0)) || LLVM_JOBS=$(granted_cpus)
    LLVM_LINKS=$(param link_jobs 0)
    if ((LLVM_LINKS == 0)); then
        free=$(mem_available_mib)
        LLVM_LINKS=$((free / each))
        ((LLVM_LINKS >= 1)) || LLVM_LINKS=1
        ((LLVM_LINKS <= LLVM_JOBS)) || LLVM_LINKS=$LLVM_JOBS
    fi
}

# llvm_fetch: the step that finds the commit. Leaves it for the later steps and keys the cache.
llvm_fetch() {
    build_root_open
    llvm_tools
    llvm_options
    source_get llvm "$(param ref)"
    say "llvm: ${SRC_REF:-HEAD} is $SRC_SHA"
    printf '%s\n' "$SRC_SHA" >"$CAIL_JOB_DIR/sha"
    printf '%s\n' "$SRC_REF" >"$CAIL_JOB_DIR/ref"
    llvm_key "$SRC_SHA" >"$CAIL_ATTEMPT_DIR/cache-key.new"
    mv -- "$CAIL_ATTEMPT_DIR/cache-key.new" "$CAIL_ATTEMPT_DIR/cache-key"
}

# llvm_configure: into $CAIL_BUILD_DIR. A folder where that was done before is only brought up to date.
llvm_configure() {
    local root=$CAIL_BUILD_DIR maps
    LLVM_LAUNCHER=()
    llvm_ccache_env
    # One name for the sources whatever the commit: cmake, ninja and ccache see no other.
    ln -sfnT -- "$SRC_DIR" "$root/source"
    maps="-ffile-prefix-map=$root/source/=llvm-project/ -ffile-prefix-map=$SRC_DIR/=llvm-project/"
    maps+=" -ffile-prefix-map=$root=."
    say "configuring $root with $LLVM_CXX, lld $LLVM_LLD, ccache ${LLVM_CCACHE:-none}," \
        "$LLVM_JOBS compilers and $LLVM_LINKS linkers at a time"
    cmake -G Ninja -S "$root/source/llvm" -B "$root" "${LLVM_OPTIONS[@]}" \
        ${LLVM_LAUNCHER[@]+"${LLVM_LAUNCHER[@]}"} \
        "-DCMAKE_C_FLAGS=$maps" "-DCMAKE_CXX_FLAGS=$maps" \
        "-DLLVM_PARALLEL_LINK_JOBS=$LLVM_LINKS"
}

# llvm_build TARGET...: configure and build. LLVM_FRESH tells whether it began from nothing.
# shellcheck disable=SC2034 # LLVM_FRESH is for the steps
llvm_build() {
    local sha
    build_root_open
    llvm_tools
    llvm_options
    llvm_jobs
    sha=$(<"$CAIL_JOB_DIR/sha")
    # No network: the mirror has the commit. A worktree that was removed meanwhile is made again.
    source_get llvm "$sha"
    LLVM_FRESH=true
    if [[ -e $CAIL_BUILD_DIR/CMakeCache.txt ]]; then
        LLVM_FRESH=false
        say "going on with the build begun in $CAIL_BUILD_DIR"
    fi
    llvm_configure
    ninja -C "$CAIL_BUILD_DIR" -j "$LLVM_JOBS" "$@"
}
