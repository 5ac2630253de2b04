# shellcheck shell=bash
# Compiles the programs in $CAIL_BUILD_DIR: one compiler at a time, no compiler cache, since how long each
# took is a figure (the suite's own timeit keeps it beside the object).
# shellcheck source=/dev/null
. "$CAIL_LIB/testsuite.sh"

build_root_open
source_kept
{ read -r CLANG && read -r SIZE && read -r LIT; } <"$CAIL_JOB_DIR/tools"
subdirs=$(param subdirs SingleSource/Benchmarks/Stanford)
for dir in ${subdirs//,/ }; do
    [[ -d $SRC_DIR/$dir ]] || refuse "the suite has no folder $dir at this commit"
done
jobs=$(param jobs 1)
((jobs > 0)) || jobs=$(granted_cpus)
build_fresh CMakeCache.txt
flags="$(param flags) $(prefix_maps "$SRC_DIR" test-suite)"
cmake -G Ninja -S "$SRC_DIR" -B "$CAIL_BUILD_DIR" -DCMAKE_BUILD_TYPE=Release \
    "-DCMAKE_C_COMPILER=$CLANG" "-DCMAKE_CXX_COMPILER=$CLANG++" \
    "-DCMAKE_C_FLAGS_RELEASE=-$(param opt O3) -DNDEBUG" "-DCMAKE_CXX_FLAGS_RELEASE=-$(param opt O3) -DNDEBUG" \
    "-DCMAKE_C_FLAGS=$flags" "-DCMAKE_CXX_FLAGS=$flags" \
    "-DTEST_SUITE_SUBDIRS=${subdirs//,/;}" "-DTEST_SUITE_LIT=$LIT" "-DTEST_SUITE_LLVM_SIZE=$SIZE" \
    "-DTEST_SUITE_BENCHMARKING_ONLY=$([[ $(param benchmarks_only true) == true ]] && echo ON || echo OFF)" \
    "-DTEST_SUITE_COLLECT_CODE_SIZE=$([[ -n $SIZE ]] && echo ON || echo OFF)"
ninja -C "$CAIL_BUILD_DIR" -j "$jobs"
# lit's settings of the folders above one that was asked for: cmake, which did not pass them, copies none.
for dir in ${subdirs//,/ }; do
    while [[ $dir == */* ]]; do
        dir=${dir%/*}
        [[ ! -f $SRC_DIR/$dir/lit.local.cfg ]] || cp -- "$SRC_DIR/$dir/lit.local.cfg" "$CAIL_BUILD_DIR/$dir/"
    done
done
{
    printf 'llvm-test-suite %s, %s, %s compilers at a time\n' "$SRC_SHA" "$("$CLANG" --version | sed -n 1p)" \
        "$jobs"
    printf 'programs %s\n' "$(find "$CAIL_BUILD_DIR" -name '*.test' | wc -l)"
} | tee "$CAIL_ARTIFACTS/build.txt"
link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/llvm-test-suite-bench"
