# shellcheck shell=bash
# Brings the sources, finds CUDA and the cards' architecture, and keys the cache with them.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"

build_root_open
cuda_find
cuda_archs
source_any nccl "$(param ref)" "$(param source)" Makefile src/Makefile makefiles/version.mk
source_keep
say "building for sm_${CUDA_ARCHS// / sm_}"
{
    cuda_key
    printf 'arch %s\n' "$CUDA_ARCHS"
} | key_write
