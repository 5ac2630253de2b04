# shellcheck shell=bash
# Sign-off, gitlint's rules (.gitlint: titles and lines of at most 72) and rustfmt.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/contrib.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/rust.sh"

check_format() {
    local diff="$CAIL_ARTIFACTS/format.diff"
    cd "$SRC_DIR" || exit
    # A stable rustfmt warns of the options of rustfmt.toml it does not know, and judges by the others.
    if cargo fmt --all -- --check >"$diff" 2>&1; then
        check_line passed format "cargo fmt --all -- --check"
        # shellcheck disable=SC2016 # rustfmt's own quotes
        sed -n 's/^Warning: can.t set `\(.*\)`.*/not judged, needs nightly: \1/p' "$diff" | sort -u
        rm -f -- "$diff"
        return
    fi
    head -n 40 -- "$diff"
    check_line failed format "$(sed -n 's/^Diff in \([^:]*\).*/\1/p' "$diff" | sort -u | wc -l) files" \
        "differ; cargo fmt --all, with -p toolchain=nightly where rustfmt.toml says so"
}

build_root_open
source_kept
rust_find
commits_find firecracker "$(param base)"
check_signoff
check_titles '^[^ ]' 72 "at most 72 characters"
check_bodies 72 '^(\[.+\]: http|Co-[Aa]uthored-[Bb]y|Signed-off-by|Fixes:)'
check_format
checks_end firecracker-check
