# shellcheck shell=bash
# Brings XLA and writes notes.md: what one wants to know before building it, read from the sources.

build_root_open
what=worktree
[[ $(param worktree true) == true ]] || what=mirror
began=$(now_us)
source_get xla "$(param ref)" "$what"
took=$(($(now_us) - began))

# file PATH: of this commit, from the mirror; nothing when it is not there.
file() { git -C "$SRC_MIRROR" show "$SRC_SHA:$1" 2>/dev/null || true; }

# bazel_lines: the commands of the build guide, once each.
bazel_lines() {
    file docs/build_from_source.md | sed -n 's/^ *\(\$ \)\{0,1\}\(\(\.\/configure\.py\|bazel \(build\|test\)\).*\)$/    \2/p' |
        awk '!seen[$0]++'
}

{
    printf '# XLA\n\n- from: %s\n- ref: %s, commit %s of %s\n' "$(upstream_url xla)" "${SRC_REF:-HEAD}" \
        "$SRC_SHA" "$(git -C "$SRC_MIRROR" show -s --format=%cs "$SRC_SHA")"
    [[ -z $SRC_DIR ]] || printf -- '- sources: %s, %s MiB, %s files\n' "$SRC_DIR" \
        "$(du -sm --exclude=.git -- "$SRC_DIR" | cut -f1)" "$(git -C "$SRC_DIR" ls-files | wc -l)"
    printf -- '- mirror: %s, %s MiB\n' "$SRC_MIRROR" "$(du -sm -- "$SRC_MIRROR" | cut -f1)"
    printf -- '- bazel it wants: %s; here: %s\n' "$(file .bazelversion | sed -n 1p)" \
        "$(tool_path bazel || echo none)"
    printf '\nNewest commits:\n\n'
    git -C "$SRC_MIRROR" log -n "$(param commits 10)" --format='    %h %cs %<(72,trunc)%s' "$SRC_SHA" |
        sed 's/ *$//'
    printf '\nHow to build, by its guide:\n\n'
    bazel_lines
} >"$CAIL_ARTIFACTS/notes.md"
cat -- "$CAIL_ARTIFACTS/notes.md"
metric clone-xla mirror_size "$(du -sm -- "$SRC_MIRROR" | cut -f1)" MiB neutral count
metric clone-xla wall "$(us_to s "$took")" s neutral time
