# shellcheck shell=bash
# rustfmt as Tokio's CI runs it (plain cargo fmt misses files that no module names), and the subjects of
# the commits: "module: explain the commit in one line".
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/contrib.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/rust.sh"

check_format() {
    local diff="$CAIL_ARTIFACTS/format.diff" edition=2021
    local -a files
    # Releases before 1.39 are of 2018.
    ! grep -q '^edition = "2018"' "$SRC_DIR/tokio/Cargo.toml" || edition=2018
    cd "$SRC_DIR" || exit
    mapfile -t files < <(git ls-files '*.rs')
    if rustfmt --check --edition "$edition" "${files[@]}" >"$diff" 2>&1; then
        check_line passed format "${#files[@]} files"
        rm -f -- "$diff"
        return
    fi
    head -n 40 -- "$diff"
    check_line failed format "$(sed -n 's/^Diff in \([^:]*\).*/\1/p' "$diff" | sort -u | wc -l) files differ;" \
        "rustfmt --edition $edition \$(git ls-files '*.rs')"
}

build_root_open
source_kept
rust_find
commits_find tokio "$(param base)"
check_titles '^[a-z0-9_][A-Za-z0-9_,/:{}*. -]*: [^A-Z .].*[^.]$' 72 \
    "it should be 'module: explain the commit in one line', lower case, at most 72, no period"
check_format
checks_end tokio-check
