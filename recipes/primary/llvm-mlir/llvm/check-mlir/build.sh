# shellcheck shell=bash
# Builds what the tests of MLIR run, without running them.
# shellcheck source=/dev/null
. "$CAIL_LIB/llvm.sh"
llvm_build check-mlir-build-only llvm-lit
link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/check-mlir"
