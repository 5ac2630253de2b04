# shellcheck shell=bash
# A working tree as a commit: what is tracked as it is now, and what is untracked but not ignored.
#
#   bash snapshot.sh WORKTREE MIRROR [COMMIT]    takes the mirror's lock, fetches the mirror first if there
#                                       is none, prints the commit's sha alone on stdout
#   sha=$(snapshot_take WORKTREE MIRROR [COMMIT]) || exit    for who holds the lock of a mirror
#
# With a COMMIT of that repository, which may be nowhere else, this goes to the mirror instead.
#
# The repository is only read. Its index is copied (with its time: git tells by that which entries it
# must look at again), new objects go to a folder of ours whose alternates are the repository's objects,
# and what the mirror lacks is packed into it, so a gc of the repository later takes nothing away.
# Same content on the same HEAD = same sha: author and message are fixed, the date is HEAD's (one far off
# would make every walk over the history long). A tree without changes is HEAD itself.
#
# It refuses (78) what it could not hold whole: changes inside submodules, more than CAIL_SNAPSHOT_MIB of
# new content, a history that ends in a shallow clone. Functions here run where errexit may be off: each
# command that can fail says what then.

# snapshot_git ARG...: git in the working tree, its words in a file; 1 with them on stderr.
snapshot_git() {
    git -C "$SNAP_TOP" "$@" 2>"$SNAP_TMP/said" && return
    grep -aE '^(fatal|error):' "$SNAP_TMP/said" | tail -n 5 >&2
    return 1
}

# snapshot_no WHAT: git failed at it; its own reason ends the message.
snapshot_no() {
    refuse "$1: $(grep -aE '^(fatal|error):' "$SNAP_TMP/said" | tail -n 1)"
}

# snapshot_ask ARG...: what rev-parse answers, in ASKED; line breaks in paths stay.
snapshot_ask() {
    local said
    said=$(git -C "$SNAP_TOP" rev-parse "$@" 2>"$SNAP_TMP/said" && printf x) || return
    ASKED=${said%$'\nx'}
}

# The repository's own settings hold (line ends, filters, file modes), but nothing is started or tidied up.
snapshot_settle() {
    local var i
    for var in $(git rev-parse --local-env-vars) GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS \
        GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS; do
        unset "$var"
    done
    local -a pairs=(gc.auto=0 maintenance.auto=false core.hooksPath=/dev/null core.fsmonitor=false
        core.splitIndex=false core.safecrlf=false submodule.recurse=false add.ignoreErrors=false
        i18n.commitEncoding=UTF-8 "lfs.storage=$SNAP_TMP/lfs")
    for i in "${!pairs[@]}"; do
        export "GIT_CONFIG_KEY_$i=${pairs[i]%%=*}" "GIT_CONFIG_VALUE_$i=${pairs[i]#*=}"
    done
    export GIT_CONFIG_COUNT=${#pairs[@]} GIT_OPTIONAL_LOCKS=0 GIT_TERMINAL_PROMPT=0 LC_ALL=C
    export GIT_NO_REPLACE_OBJECTS=1
    export GIT_AUTHOR_NAME=cail GIT_AUTHOR_EMAIL=cail@localhost
    export GIT_COMMITTER_NAME=cail GIT_COMMITTER_EMAIL=cail@localhost
}

# snapshot_open WORKTREE: SNAP_TOP, SNAP_GIT (this working tree's own part of the repository), SNAP_COMMON
# and SNAP_HEAD (empty: no commit yet).
snapshot_open() {
    local ref
    SNAP_TOP=$1
    [[ -d $1 ]] || refuse "$1 is not a folder"
    snapshot_ask --is-inside-work-tree || snapshot_no "$1 is no working tree that git can read"
    [[ $ASKED == true ]] || refuse "$1 has no working tree: it is a bare repository or a part of one"
    snapshot_ask --show-toplevel || snapshot_no "cannot read $1"
    SNAP_TOP=$ASKED
    snapshot_ask --absolute-git-dir || snapshot_no "cannot read $1"
    SNAP_GIT=$ASKED
    snapshot_ask --path-format=absolute --git-common-dir || snapshot_no "cannot read $1"
    SNAP_COMMON=$ASKED
    SNAP_HEAD=''
    if snapshot_ask -q --verify HEAD; then
        SNAP_HEAD=$ASKED
        snapshot_ask -q --verify 'HEAD^{tree}' ||
            refuse "the repository of $1 is damaged: its HEAD, ${SNAP_HEAD:0:12}, cannot be read"
    else
        ref=$(git -C "$SNAP_TOP" symbolic-ref -q HEAD || echo HEAD)
        [[ ! -e $SNAP_COMMON/$ref ]] ||
            refuse "the repository of $1 is damaged: its HEAD cannot be read"
    fi
    snapshot_ask --show-object-format || snapshot_no "cannot read $1"
    [[ $ASKED == "$(snapshot_mirror rev-parse --show-object-format)" ]] ||
        refuse "$1 names its objects by $ASKED, the mirror does not"
}

snapshot_mirror() {
    env -u GIT_INDEX_FILE -u GIT_OBJECT_DIRECTORY git --git-dir="$SNAP_MIRROR" \
        -c remote.origin.promisor=false "$@"
}

# snapshot_index: an index and an object store of our own.
snapshot_index() {
    mkdir -p -- "$SNAP_TMP/objects/info" "$SNAP_TMP/objects/pack"
    # By short names of ours: git reads a path with a line break or a quote as something else.
    ln -s -- "$SNAP_COMMON/objects" "$SNAP_TMP/theirs"
    ln -s -- "$SNAP_MIRROR/objects" "$SNAP_TMP/ours"
    printf '%s\n' "$SNAP_TMP/theirs" "$SNAP_TMP/ours" >"$SNAP_TMP/objects/info/alternates"
    if [[ -e $SNAP_GIT/index ]]; then
        cp -p -- "$SNAP_GIT/index" "$SNAP_TMP/index" || refuse "cannot read $SNAP_GIT/index"
    fi
    export GIT_INDEX_FILE=$SNAP_TMP/index GIT_OBJECT_DIRECTORY=$SNAP_TMP/objects
}

# snapshot_weigh: refuse what is too large to be source. The list of changed and untracked files is in
# $SNAP_TMP/changed, each ended by NUL.
snapshot_weigh() {
    local size name sum=0 largest=0 which='' limit=${CAIL_SNAPSHOT_MIB:-1024}
    while IFS=' ' read -r -d '' size name; do
        ((sum += size))
        ((size <= largest)) || largest=$size which=$name
    done < <(cd -- "$SNAP_TOP" && xargs -0r stat --printf '%s %n\0' -- <"$SNAP_TMP/changed" 2>/dev/null)
    ((sum >> 20 < limit)) || refuse "what was changed or added in $SNAP_TOP is $((sum >> 20)) MiB" \
        "(largest: $which, $((largest >> 20)) MiB), more than a snapshot takes ($limit MiB):" \
        "name it in .gitignore or .git/info/exclude, or set CAIL_SNAPSHOT_MIB"
}

# snapshot_add: bring the index to what the working tree has.
snapshot_add() {
    local name
    snapshot_git ls-files -z --modified --others --exclude-standard >"$SNAP_TMP/changed" ||
        snapshot_no "cannot look through $SNAP_TOP"
    snapshot_weigh
    snapshot_git add --update || snapshot_no "cannot take the changes of $SNAP_TOP"
    snapshot_git ls-files -z --others --exclude-standard >"$SNAP_TMP/changed" ||
        snapshot_no "cannot look through $SNAP_TOP"
    # A repository in it that is no submodule is one name with a slash at its end.
    while IFS= read -r -d '' name; do
        if [[ $name == */ ]]; then
            printf 'left out: %q, a repository of its own\n' "$name" >&2
        else
            printf '%s\0' "$name"
        fi
    done <"$SNAP_TMP/changed" >"$SNAP_TMP/untracked"
    # --remove: a file that went away meanwhile is no error.
    snapshot_git update-index -z --add --remove --stdin <"$SNAP_TMP/untracked" ||
        snapshot_no "cannot take the untracked files of $SNAP_TOP"
}

# snapshot_submodules: a commit holds which commit a submodule is at, and nothing of what changed in it.
snapshot_submodules() {
    local how meta name
    for how in untracked none; do
        snapshot_git diff-files --raw -z --ignore-submodules=$how >"$SNAP_TMP/changed" ||
            snapshot_no "cannot look at the submodules of $SNAP_TOP"
        while IFS= read -r -d '' meta && IFS= read -r -d '' name; do
            [[ $meta == :??????\ 160000\ * ]] || continue
            [[ $how == none ]] || refuse "the submodule $name has changes that are not committed," \
                "which a snapshot of $SNAP_TOP cannot hold: commit them there"
            printf 'left out: untracked files in the submodule %q\n' "$name" >&2
        done <"$SNAP_TMP/changed"
    done
}

# snapshot_commit: SNAP_SHA.
snapshot_commit() {
    local tree date=0
    tree=$(snapshot_git write-tree --missing-ok) || snapshot_no "cannot write the tree of $SNAP_TOP"
    if [[ -n $SNAP_HEAD ]]; then
        snapshot_ask 'HEAD^{tree}' || snapshot_no "cannot read HEAD"
        SNAP_SHA=$SNAP_HEAD
        [[ $tree != "$ASKED" ]] || return 0
        date=$(snapshot_git log -1 --no-show-signature --format=%ct "$SNAP_HEAD") ||
            snapshot_no "cannot read HEAD"
    fi
    export GIT_AUTHOR_DATE="@$date +0000" GIT_COMMITTER_DATE="@$date +0000"
    SNAP_SHA=$(snapshot_git commit-tree "$tree" ${SNAP_HEAD:+-p "$SNAP_HEAD"} -m 'A working tree') ||
        snapshot_no "cannot write the commit"
}

# snapshot_keep: what the mirror lacks of SNAP_SHA goes there in one pack; a ref holds it.
snapshot_keep() {
    local ref=refs/cail/snapshot/$SNAP_SHA
    if [[ $(snapshot_mirror rev-parse -q --verify "$ref") == "$SNAP_SHA" ]]; then
        return 0
    fi
    { echo "$SNAP_SHA" && snapshot_mirror for-each-ref --format='^%(objectname)'; } |
        snapshot_git pack-objects -q --revs --stdout --delta-base-offset >"$SNAP_TMP/pack" ||
        snapshot_no "cannot pack the working tree"
    snapshot_mirror index-pack --stdin <"$SNAP_TMP/pack" >/dev/null 2>"$SNAP_TMP/said" ||
        snapshot_no "cannot store the working tree in the mirror"
    # Are its ancestors there, down to something the mirror has had before?
    snapshot_mirror rev-list --quiet "$SNAP_SHA" --not --all 2>"$SNAP_TMP/said" ||
        refuse "the history of $SNAP_TOP ends before it meets the mirror's:" \
            "bring the rest (git fetch --unshallow), then again"
    snapshot_mirror update-ref "$ref" "$SNAP_SHA" || refuse "cannot write $ref in the mirror"
}

# shellcheck disable=SC2030,SC2031 # all of it in one process of its own
snapshot_take() (
    SNAP_MIRROR=$2 SNAP_TMP=$2.snapshot
    trap 'rm -rf -- "$SNAP_TMP"' EXIT
    # One that was left was a killed job's: we hold the lock.
    rm -rf -- "$SNAP_TMP"
    mkdir -- "$SNAP_TMP" || refuse "cannot write beside the mirror $SNAP_MIRROR"
    snapshot_settle
    snapshot_open "$1"
    snapshot_index
    if (($# > 2)); then
        snapshot_ask -q --verify --end-of-options "$3^{commit}" || refuse "$1 has no commit $3"
        SNAP_SHA=$ASKED
    else
        snapshot_add
        snapshot_submodules
        snapshot_commit
    fi
    snapshot_keep
    printf '%s\n' "$SNAP_SHA"
)

# By hand, or by the client: the words go to stderr, the sha to stdout.
snapshot_main() {
    local lib part name
    if (($# != 2 && $# != 3)) || [[ $2 != /*/mirrors/*.git ]]; then
        echo "usage: snapshot.sh WORKTREE BUILD_ROOT/mirrors/NAME.git [COMMIT]" >&2
        exit 64
    fi
    lib=$(cd -P -- "${BASH_SOURCE[0]%/*}" && pwd)
    export CAIL_LIB=$lib CAIL_RECIPES=${CAIL_RECIPES:-${lib%/*}} CAIL_BUILD_ROOT=${2%/mirrors/*}
    for part in common marker git; do
        # shellcheck source=/dev/null
        . "$lib/$part.sh"
    done
    name=${2##*/}
    exec 3>&1 1>&2
    build_root_open
    if [[ ! -d $2 ]]; then
        CAIL_ATTEMPT_DIR=$(mktemp -d)
        trap 'rm -rf -- "$CAIL_ATTEMPT_DIR"' EXIT
        source_get "${name%.git}" '' mirror
    fi
    lock_take "${2%.git}.lock"
    snapshot_take "$@" >&3
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -Eeuo pipefail
    shopt -s inherit_errexit
    snapshot_main "$@"
fi
