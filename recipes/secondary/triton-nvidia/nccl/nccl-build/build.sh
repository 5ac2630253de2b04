# shellcheck shell=bash
# make src.build into $CAIL_BUILD_DIR/build, outside the sources; include/ and lib/ as links beside it, so
# that the folder is an NCCL_HOME. make goes on where a stopped build was.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"

build_root_open
source_kept
cuda_find
cuda_archs
build_jobs 2048 1536
read -ra archs <<<"$CUDA_ARCHS"
began=$(now_us)
build_fresh build/obj
make -C "$SRC_DIR" -j "$BUILD_JOBS" src.build "BUILDDIR=$CAIL_BUILD_DIR/build" "CUDA_HOME=$CUDA_DIR" \
    "CUDA_LIB=$CUDA_LIBS" "NVCC_GENCODE=$(gencodes "${archs[@]}")"
[[ -e $CAIL_BUILD_DIR/build/lib/libnccl.so ]] || die "the build left no libnccl.so"
ln -sfnT -- build/include "$CAIL_BUILD_DIR/include"
ln -sfnT -- build/lib "$CAIL_BUILD_DIR/lib"
took=$(($(now_us) - began))
[[ $BUILD_FRESH != true ]] || metric nccl-build wall "$(us_to s "$took")" s lower time
size=$(stat -Lc %s -- "$CAIL_BUILD_DIR/lib/libnccl.so")
metric nccl-build lib_size "$size" bytes lower exact
{
    printf 'nccl %s (%s) for sm_%s\n' "$SRC_SHA" "$SRC_REF" "${CUDA_ARCHS// / sm_}"
    printf 'NCCL_HOME=%s\nlibnccl.so %s bytes\n' "$CAIL_BUILD_DIR" "$size"
} | tee "$CAIL_ARTIFACTS/build.txt"
link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/nccl-build"
say "built in $(us_to s "$took") s"
