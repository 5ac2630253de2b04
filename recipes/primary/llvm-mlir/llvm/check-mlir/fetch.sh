# shellcheck shell=bash
# Brings the commit that `ref` names and says what a build of it depends on, or finds the installed tools.
# shellcheck source=/dev/null
. "$CAIL_LIB/llvm.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/mlirtools.sh"
if [[ $(param with built) == built ]]; then
    llvm_fetch
else
    installed_fetch
fi
