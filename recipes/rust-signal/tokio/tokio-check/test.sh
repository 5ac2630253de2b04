# shellcheck shell=bash
# cargo check, clippy or test, on a copy of the sources: cargo writes Cargo.lock beside them.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/build.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/rust.sh"

depth=$(param depth style)
if [[ $depth == style ]]; then
    say "style alone was asked for; -p depth=check, clippy or test runs cargo too"
    exit 0
fi
build_root_open
source_kept
rust_find
rm -rf -- "$CAIL_JOB_DIR/tree"
cp -a --reflink=auto -- "$SRC_DIR" "$CAIL_JOB_DIR/tree"
cd "$CAIL_JOB_DIR/tree" || exit
vendor=$(param vendor)
[[ -z $vendor ]] || rust_vendor "$vendor"
sccache_begin
export CARGO_TARGET_DIR=$CAIL_JOB_DIR/target RUSTFLAGS=-Dwarnings
case $depth in
check) cargo_try check --all-features --tests ;;
clippy) cargo_try clippy --all --tests --all-features ;;
test)
    # The log of the tests is what the parser reads; a failed test fails the step after it is kept.
    code=0
    cargo_try test --all-features | tee "$CAIL_RESULTS/cargo-test.txt" || code=$?
    exit "$code"
    ;;
esac
sccache_report tokio-check
