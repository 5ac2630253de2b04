# shellcheck shell=bash
# Builds what the tests of MLIR run, without running them; with installed tools only lit's configuration.
# shellcheck source=/dev/null
. "$CAIL_LIB/llvm.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/mlirtools.sh"
if [[ $(param with built) == built ]]; then
    llvm_build check-mlir-build-only llvm-lit
    link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/check-mlir"
else
    installed_configure
fi
