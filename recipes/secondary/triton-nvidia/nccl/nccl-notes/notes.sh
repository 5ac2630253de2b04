# shellcheck shell=bash
# Mirrors both repositories and writes notes.md: what one wants to know before building or changing
# them, all of it read from the sources themselves.

commits=$(param commits 10)
notes=$CAIL_ATTEMPT_DIR/notes.md

# commands FILE: the lines of its code blocks that build, without the prompt.
commands() {
    sed -n 's/^ *\(\$ \)\{0,1\}\(\(make \|mpirun \|\.\/build\/\).*\)$/    \2/p' "$1" | awk '!seen[$0]++'
}

nccl_version() {
    awk '$2 == ":=" || $2 == "=" { v[$1] = $3 }
        END { print v["NCCL_MAJOR"] "." v["NCCL_MINOR"] "." v["NCCL_PATCH"] v["NCCL_SUFFIX"] }' \
        "$1/makefiles/version.mk"
}
tests_version() {
    sed -n 's/^#define NCCL_TESTS_VERSION "\(.*\)"$/\1/p' "$1/src/common.h"
}

# note NAME REF VERSION_OF: one section; VERSION_OF reads the version out of the sources.
note() {
    local name=$1 version
    source_get "$name" "$2"
    version=$("$3" "$SRC_DIR" 2>/dev/null) || version=''
    {
        printf '## %s %s\n\n' "$name" "${version:-(version not found)}"
        printf -- '- from: %s\n' "$(upstream_url "$name")"
        printf -- '- ref: %s, commit %s of %s\n' "${SRC_REF:-HEAD}" "$SRC_SHA" \
            "$(git -C "$SRC_MIRROR" show -s --format=%cs "$SRC_SHA")"
        printf -- '- sources: %s\n' "$SRC_DIR"
        printf '\nNewest commits:\n\n'
        git -C "$SRC_MIRROR" log -n "$commits" --format='    %h %cs %<(72,trunc)%s' "$SRC_SHA" |
            sed 's/ *$//'
        printf '\nHow to build and run, by its README:\n\n'
        commands "$SRC_DIR/README.md"
        printf '\n'
    } >>"$notes"
    say "$name ${version:-?}: ${SRC_REF:-HEAD} is $SRC_SHA"
}

build_root_open
printf '# NCCL and nccl-tests\n\n' >"$notes"
progress 0 2 nccl
note nccl "$(param ref)" nccl_version
progress 1 2 nccl-tests
note nccl-tests "$(param tests_ref)" tests_version
progress 2 2 notes
mv -- "$notes" "$CAIL_ARTIFACTS/notes.md"
cat -- "$CAIL_ARTIFACTS/notes.md"
