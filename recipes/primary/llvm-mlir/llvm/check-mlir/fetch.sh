# shellcheck shell=bash
# Brings the commit that `ref` names and says what a build of it depends on.
# shellcheck source=/dev/null
. "$CAIL_LIB/llvm.sh"
llvm_fetch
