# shellcheck shell=bash
# What upstreams ask of commits, checked one line each: passed, or failed and how to mend it. Source
# after git.sh; commits are those of SRC_SHA that the base does not have.

CHECKS_PASSED=0 CHECKS_FAILED=0

# check_line passed|failed|skipped WHAT [WORDS...]
check_line() {
    local how=$1 what=$2
    shift 2
    case $how in
    passed) CHECKS_PASSED=$((CHECKS_PASSED + 1)) ;;
    failed) CHECKS_FAILED=$((CHECKS_FAILED + 1)) ;;
    esac
    printf '%-8s%s%s\n' "$how" "$what" "${*:+: $*}" | tee -a "$CAIL_ARTIFACTS/checks.txt"
}

# checks_end BENCHMARK: the counts as metrics; failed when any line is.
checks_end() {
    metric "$1" passed "$CHECKS_PASSED" checks higher count
    metric "$1" failed "$CHECKS_FAILED" checks lower count
    ((CHECKS_FAILED == 0)) || exit 1
}

# commits_find UPSTREAM BASE: COMMITS, newest first, without merges: what SRC_SHA has that BASE ("" = the
# default branch) has not; of a commit of the base itself, that one commit.
commits_find() {
    local kept=("$SRC_SHA" "$SRC_REF" "$SRC_DIR") base
    source_get "$1" "$2" mirror
    base=$SRC_SHA SRC_SHA=${kept[0]} SRC_REF=${kept[1]} SRC_DIR=${kept[2]}
    mapfile -t COMMITS < <(git -C "$SRC_MIRROR" rev-list --no-merges --max-count=200 "$SRC_SHA" "^$base")
    if ((${#COMMITS[@]} == 0)); then
        mapfile -t COMMITS < <(git -C "$SRC_MIRROR" rev-list --no-merges --max-count=1 "$SRC_SHA")
    fi
    say "commits looked at: ${#COMMITS[@]}, beyond $(git -C "$SRC_MIRROR" merge-base "$base" "$SRC_SHA")"
}

# commit_show SHA FORMAT
commit_show() { git -C "$SRC_MIRROR" show -s --format="$2" "$1"; }

# check_signoff: each commit is signed off by its author (DCO).
check_signoff() {
    local sha author bad=0
    for sha in "${COMMITS[@]}"; do
        author=$(commit_show "$sha" '%an <%ae>')
        commit_show "$sha" '%(trailers:key=Signed-off-by,valueonly)' | grep -qixF -- "$author" && continue
        bad=1
        check_line failed sign-off "${sha:0:12} is not signed off by $author;" \
            "git commit --amend -s, or git rebase --signoff"
    done
    ((bad)) || check_line passed sign-off "${#COMMITS[@]} commits"
}

# check_titles REGEX MAX WORDS: each subject fits; WORDS say what it should look like. The "(#123)" that
# a merge by squashing adds is not of the author's subject.
check_titles() {
    local sha title bad=0
    for sha in "${COMMITS[@]}"; do
        title=$(commit_show "$sha" %s)
        [[ ! $title =~ ^(.*)\ \(#[0-9]+\)$ ]] || title=${BASH_REMATCH[1]}
        [[ $title =~ $1 ]] && ((${#title} <= $2)) && continue
        bad=1
        check_line failed title "${sha:0:12} '$title' (${#title} characters): $3"
    done
    ((bad)) || check_line passed title "${#COMMITS[@]} commits"
}

# check_bodies MAX IGNORED_REGEX: no line of a message is longer.
check_bodies() {
    local sha line bad=0
    for sha in "${COMMITS[@]}"; do
        while IFS= read -r line; do
            [[ $line =~ $2 ]] && continue
            ((${#line} > $1)) || continue
            bad=1
            check_line failed body "${sha:0:12} has a line of ${#line} characters, more than $1: $line"
        done < <(commit_show "$sha" %b)
    done
    ((bad)) || check_line passed body "lines of at most $1 characters"
}
