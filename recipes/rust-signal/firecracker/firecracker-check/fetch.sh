# shellcheck shell=bash
# Brings the commit that `ref` names.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
build_root_open
source_any firecracker "$(param ref)" '' src/firecracker/Cargo.toml tools/devtool
source_keep
