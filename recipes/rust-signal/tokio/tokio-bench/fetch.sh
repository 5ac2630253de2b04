# shellcheck shell=bash
# Brings the commit that `ref` names and keys the cache.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/build.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/rust.sh"

build_root_open
rust_find
source_any tokio "$(param ref)" '' tokio/Cargo.toml benches/Cargo.toml
source_keep
{
    printf 'sha %s\n' "$SRC_SHA"
    rust_key
    # What is in the folder may change under its name.
    vendor=$(param vendor)
    [[ -z $vendor ]] || printf 'vendor %s\n' "$(find "$vendor" -maxdepth 1 -printf '%f\n' | sort | sha256sum)"
} | key_write
