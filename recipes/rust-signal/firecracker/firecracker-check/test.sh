# shellcheck shell=bash
# cargo check on a copy of the sources, or Firecracker's own devtool, which works in its container.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/container.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/rust.sh"

depth=$(param depth style)
if [[ $depth == style ]]; then
    say "style alone was asked for; -p depth=check, devtool or test does more"
    exit 0
fi
build_root_open
source_kept
rm -rf -- "$CAIL_JOB_DIR/tree"
cp -a --reflink=auto -- "$SRC_DIR" "$CAIL_JOB_DIR/tree"
cd "$CAIL_JOB_DIR/tree" || exit
case $depth in
check)
    rust_find
    vendor=$(param vendor)
    [[ -z $vendor ]] || rust_vendor "$vendor"
    CARGO_TARGET_DIR=$CAIL_JOB_DIR/target cargo_try check --workspace --all-targets
    ;;
devtool | test)
    container_find docker
    [[ $depth != test || -w /dev/kvm ]] ||
        refuse "the tests start virtual machines and there is no /dev/kvm that this user may write"
    if [[ $depth == devtool ]]; then
        tools/devtool -y checkstyle
        tools/devtool -y checkbuild --all
    else
        tools/devtool -y test -- --junit-xml=../test_results/junit.xml "$(param tests)"
        cp -- test_results/junit.xml "$CAIL_RESULTS/"
    fi
    ;;
esac
