# shellcheck shell=bash
# Builds all of the tests into $CAIL_BUILD_DIR/build. Holds no card.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"

build_root_open
source_kept
cuda_find
nccl_find
cuda_archs
link_libs "$CAIL_BUILD_DIR/lib" libcudart "$CUDA_LIBS"
link_libs "$CAIL_BUILD_DIR/lib" libnccl "$NCCL_LIBS"
read -ra archs <<<"$CUDA_ARCHS"

began=$(now_us)
# Its makefile builds outside the sources; NVCC_GENCODE keeps it from all the other architectures.
make -C "$SRC_DIR" -j "$(granted_cpus)" "BUILDDIR=$CAIL_BUILD_DIR/build" "CUDA_HOME=$CUDA_DIR" \
    "CUDA_LIB=$CAIL_BUILD_DIR/lib" "NCCL_HOME=${NCCL_INCLUDE%/include}" \
    "NVCC_GENCODE=$(gencodes "${archs[@]}")"
[[ -x $CAIL_BUILD_DIR/build/all_reduce_perf ]] || die "the build left no all_reduce_perf"
link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/nccl-tests"
say "built in $(us_to s $(($(now_us) - began))) s: $CAIL_BUILD_DIR/build"
