# shellcheck shell=bash disable=SC2034 # what it finds is for the steps
# What builds have in common: compilers, linker, how many at a time, and the compiler cache. A recipe's
# version covers its own folder only, so keys take this file's digest (build_key).

# build_tools: BUILD_CC and BUILD_CXX, from the parameter `compiler` or what is here (clang where it is
# installed), and BUILD_LLD, ON when ld.lld is here.
build_tools() {
    case $(param compiler auto) in
    gcc) BUILD_CC=$(type -P gcc) BUILD_CXX=$(type -P g++) ;;
    clang) BUILD_CC=$(type -P clang) BUILD_CXX=$(type -P clang++) ;;
    *)
        if type -P clang++ >/dev/null; then
            BUILD_CC=$(type -P clang) BUILD_CXX=$(type -P clang++)
        else
            BUILD_CC=$(type -P gcc) BUILD_CXX=$(type -P g++)
        fi
        ;;
    esac || refuse "the compiler '$(param compiler)' is not installed" \
        "(Debian packages: gcc and g++, or clang)"
    BUILD_LLD=OFF
    ! type -P ld.lld >/dev/null || BUILD_LLD=ON
}

# build_key: the lines of cache-key that tell with what it is built. After build_tools.
build_key() {
    local tool lib
    for tool in "$BUILD_CC" "$BUILD_CXX"; do
        printf 'compiler %s: %s, %s\n' "$tool" "$("$tool" --version | sed -n 1p)" \
            "$("$tool" -dumpmachine)"
    done
    [[ $BUILD_LLD == OFF ]] || printf 'linker %s\n' "$(ld.lld --version)"
    for lib in build "$@"; do
        printf 'script %s %s\n' "$lib" "$(sha256sum <"$CAIL_LIB/$lib.sh")"
    done
}

# key_write: what a step with keys_cache says on its standard input, in one step.
key_write() {
    cat >"$CAIL_ATTEMPT_DIR/cache-key.new"
    mv -- "$CAIL_ATTEMPT_DIR/cache-key.new" "$CAIL_ATTEMPT_DIR/cache-key"
}

# build_jobs LINK_MIB [COMPILE_MIB]: BUILD_JOBS compilers and BUILD_LINKS linkers at a time: as asked,
# else what the granted CPUs and the free memory hold. More than fit end in the OOM killer.
build_jobs() {
    local link=$1 compile=${2:-512} free
    free=$(mem_available_mib)
    BUILD_JOBS=$(param jobs 0)
    if ((BUILD_JOBS == 0)); then
        BUILD_JOBS=$(granted_cpus)
        ((BUILD_JOBS * compile <= free)) || BUILD_JOBS=$((free / compile))
        ((BUILD_JOBS >= 1)) || BUILD_JOBS=1
    fi
    BUILD_LINKS=$(param link_jobs 0)
    if ((BUILD_LINKS == 0)); then
        BUILD_LINKS=$((free / link))
        ((BUILD_LINKS >= 1)) || BUILD_LINKS=1
        ((BUILD_LINKS <= BUILD_JOBS)) || BUILD_LINKS=$BUILD_JOBS
    fi
}

# ccache_begin: use ccache for this step where it is installed and the parameter `ccache` is not false.
# CCACHE is the program or empty; BUILD_LAUNCHER has cmake's arguments. The cache lies in the build root,
# shared by all recipes, so it goes with it, unless the daemon's own environment names another folder.
# Paths below the build folder are hashed as relative ones, and prefix maps (prefix_maps) keep the
# folder's name out of the objects: another commit's build, in another folder, finds them.
ccache_begin() {
    CCACHE='' BUILD_LAUNCHER=()
    [[ $(param ccache true) == true ]] || return 0
    CCACHE=$(type -P ccache || true)
    [[ -n $CCACHE ]] || return 0
    export CCACHE_DIR=${CCACHE_DIR:-$CAIL_BUILD_ROOT/ccache}
    export CCACHE_BASEDIR=$CAIL_BUILD_DIR CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-20G}
    # The counters of the folder are everybody's; this log is of this step alone.
    export CCACHE_STATSLOG=$CAIL_ATTEMPT_DIR/ccache-stats
    BUILD_LAUNCHER=("-DCMAKE_C_COMPILER_LAUNCHER=$CCACHE" "-DCMAKE_CXX_COMPILER_LAUNCHER=$CCACHE")
}

# ccache_report BENCHMARK: how much of what was compiled came from the cache, as a metric. A build that
# compiled nothing has no rate.
ccache_report() {
    local hits all
    [[ -n $CCACHE && -s ${CCACHE_STATSLOG:-/nonexistent} ]] || return 0
    # One line "# FILE" a call, then its counters.
    read -r hits all < <(awk '/^(direct_cache_hit|preprocessed_cache_hit)$/ { hits++; all++ }
        /^(cache_miss|direct_cache_miss_no_preprocessed|compile_failed)$/ { all++ }
        END { print hits + 0, all + 0 }' "$CCACHE_STATSLOG")
    ((all > 0)) || return 0
    say "ccache: $hits of $all compilations came from $CCACHE_DIR"
    metric "$1" ccache_hit_rate "$((hits * 100 / all))" % neutral count
}

# sccache_begin: the same for rustc, by sccache, whose server lives as long as this step.
sccache_begin() {
    SCCACHE=''
    [[ $(param ccache true) == true ]] || return 0
    SCCACHE=$(tool_path sccache || true)
    [[ -n $SCCACHE ]] || return 0
    export SCCACHE_DIR=${SCCACHE_DIR:-$CAIL_BUILD_ROOT/sccache} SCCACHE_IDLE_TIMEOUT=0
    # A server of our own: another job's would write to its folders and end with it.
    export SCCACHE_SERVER_UDS=$CAIL_ATTEMPT_DIR/sccache.sock RUSTC_WRAPPER=$SCCACHE
    export CARGO_INCREMENTAL=0
}
sccache_report() {
    local rate
    [[ -n $SCCACHE ]] || return 0
    rate=$("$SCCACHE" --show-stats --stats-format=json 2>/dev/null | python3 -c '
import json, sys
s = json.load(sys.stdin)["stats"]
hits, misses = (sum(s[k]["counts"].values()) for k in ("cache_hits", "cache_misses"))
print(hits * 100 // (hits + misses) if hits + misses else "")' || true)
    "$SCCACHE" --stop-server >/dev/null 2>&1 || true
    [[ -z $rate ]] || metric "$1" sccache_hit_rate "$rate" % neutral count
}

# prefix_maps SOURCE NAME: compiler flags with which neither the source's folder nor the build's is in
# what is built.
prefix_maps() {
    printf -- '-ffile-prefix-map=%s/=%s/ -ffile-prefix-map=%s=.' "$1" "$2" "$CAIL_BUILD_DIR"
}

# source_link SOURCE: one name for the sources whatever the commit, $CAIL_BUILD_DIR/source: cmake, ninja
# and ccache see no other.
source_link() { ln -sfnT -- "$1" "$CAIL_BUILD_DIR/source"; }

# build_fresh FILE: does this build begin from nothing? FILE is what a begun one has.
# shellcheck disable=SC2034 # for the steps
build_fresh() {
    BUILD_FRESH=true
    if [[ -e $CAIL_BUILD_DIR/$1 ]]; then
        BUILD_FRESH=false
        say "going on with the build begun in $CAIL_BUILD_DIR"
    fi
}
