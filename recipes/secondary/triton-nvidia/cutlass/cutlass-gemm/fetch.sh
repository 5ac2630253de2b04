# shellcheck shell=bash
# Brings the sources and keys the cache.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"

build_root_open
cuda_find
source_any cutlass "$(param ref)" "$(param source)" include/cutlass/cutlass.h \
    tools/util/include/cutlass/util/host_tensor.h \
    examples/48_hopper_warp_specialized_gemm/48_hopper_warp_specialized_gemm.cu
source_keep
cuda_key | key_write
