# shellcheck shell=bash
# Brings the commit that `ref` names and the submodules the variant needs, and keys the cache.
# shellcheck source=/dev/null
. "$CAIL_LIB/iree.sh"

build_root_open
build_tools
iree_options
iree_source "$(param ref)"
source_keep
{
    printf 'sha %s\n' "$SRC_SHA"
    build_key iree submodule
    printf 'cmake %s\n' "$("$CMAKE" --version | sed -n 1p)"
    printf 'option %s\n' "${IREE_OPTIONS[@]}"
} | key_write
