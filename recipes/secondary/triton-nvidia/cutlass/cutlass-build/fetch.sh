# shellcheck shell=bash
# Brings the sources, asks the generator which kernels the filter means, and keys the cache with all of it.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/cutlass.sh"

build_root_open
CUDA_DIR='' cuda=13.0
if [[ $(param what profiler) == profiler ]]; then
    cuda_find
    cuda=$("$CUDA_DIR/bin/nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')
fi
cuda_archs
cutlass_archs
cutlass_filter
source_any cutlass "$(param ref)" "$(param source)" include/cutlass/cutlass.h \
    tools/profiler/CMakeLists.txt python/cutlass_library/generator.py
source_keep
cutlass_generate "$CAIL_JOB_DIR/generated" "$cuda"
cp -- "$CAIL_JOB_DIR/generated/kernels.txt" "$CAIL_ARTIFACTS/"
say "$(wc -l <"$CAIL_ARTIFACTS/kernels.txt") kernels for sm_$CUTLASS_ARCHS"
printf '%s\n%s\n' "$CUTLASS_ARCHS" "$CUTLASS_FILTER" >"$CAIL_JOB_DIR/kernels"
{
    if [[ -n $CUDA_DIR ]]; then cuda_key; else printf 'sha %s\n' "$SRC_SHA"; fi
    printf 'script cutlass %s\n' "$(sha256sum <"$CAIL_LIB/cutlass.sh")"
    printf 'arch %s\nkernels %s\n' "$CUTLASS_ARCHS" "$CUTLASS_FILTER"
} | key_write
