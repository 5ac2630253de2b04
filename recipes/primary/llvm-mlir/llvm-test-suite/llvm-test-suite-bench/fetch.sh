# shellcheck shell=bash
# Brings the suite, finds the compiler and keys the cache with its digest: a clang of another build may
# bear the same version.
# shellcheck source=/dev/null
. "$CAIL_LIB/testsuite.sh"

build_root_open
suite_tools
suite_source "$(param ref)"
source_keep
printf '%s\n%s\n%s\n' "$CLANG" "$SIZE" "$LIT" >"$CAIL_JOB_DIR/tools"
{
    printf 'sha %s\nclang %s %s\n' "$SRC_SHA" "$CLANG" "$(sha256sum <"$(readlink -f -- "$CLANG")")"
    printf 'version %s\n' "$("$CLANG" --version | sed -n 1p)"
    printf 'script %s\n' "$(sha256sum <"$CAIL_LIB/testsuite.sh")"
} | key_write
