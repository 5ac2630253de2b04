# shellcheck shell=bash
# What of a program needs no clock. Source after tools.sh.

# binary_figures NAME FILE: the metric text_size, its code and constants: the file's own size also counts
# names and moves by pages. And the artifact NAME.symbols.txt, a line a symbol with its size, for a diff.
binary_figures() {
    local size nm
    if ! size=$(tool_path size || tool_path llvm-size) || ! nm=$(tool_path nm || tool_path llvm-nm); then
        say "no size and nm here (Debian package: binutils), so no sizes of programs"
        return
    fi
    metric "$1" text_size "$("$size" -- "$2" | awk 'NR == 2 { print $1 }')" B lower exact
    # address, size, kind, name; what has no size is no code
    "$nm" -C -S -t d --defined-only -- "$2" |
        awk '$2 ~ /^[0-9]+$/ { bytes = $2 + 0; kind = $3
            sub(/^[^ ]+ [^ ]+ [^ ]+ /, ""); print $0, kind, bytes }' |
        LC_ALL=C sort >"$CAIL_ARTIFACTS/$1.symbols.txt"
}
