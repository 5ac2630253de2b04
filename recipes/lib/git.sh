# shellcheck shell=bash
# Upstream sources. One bare mirror for each upstream, $CAIL_BUILD_ROOT/mirrors/NAME.git, and one
# detached worktree for each commit, $CAIL_BUILD_ROOT/src/NAME/SHA12, both made and changed only by
# who holds mirrors/NAME.lock. What has its final name is whole: new things are made under a ".part"
# name, and a ".part" or a git lock file that the flock's holder finds was left by a killed job.
#
# Mirrors have all history (a shallow one cannot answer merge-base, and git is slow at deepening), but
# no file contents until a worktree needs them, where the remote can filter.

# Where an upstream lives: CAIL_UPSTREAM_<NAME>_URL, which the daemon sets, else (a step that is run by
# hand) what recipes/upstreams/NAME.json says.
upstream_url() {
    local var="CAIL_UPSTREAM_${1^^}_URL"
    var=${var//-/_}
    if [[ -n ${!var-} ]]; then
        printf '%s' "${!var}"
        return
    fi
    local url
    url=$(sed -n 's/^  "url": "\(.*\)",$/\1/p' "${CAIL_RECIPES:-}/upstreams/$1.json" 2>/dev/null || true)
    [[ -n $url ]] || refuse "no URL is known for the upstream '$1'; set $var"
    printf '%s' "$url"
}

# git asks nobody, runs no hook, collects no garbage behind our back, and does not wait for ever.
git_settle_env() {
    local -a pairs=(gc.auto=0 maintenance.auto=false advice.detachedHead=false core.autocrlf=false
        core.hooksPath=/dev/null core.fsmonitor=false protocol.file.allow=always
        protocol.version=2 http.lowSpeedLimit=1000 http.lowSpeedTime=120)
    local i
    for i in "${!pairs[@]}"; do
        export "GIT_CONFIG_KEY_$i=${pairs[i]%%=*}" "GIT_CONFIG_VALUE_$i=${pairs[i]#*=}"
    done
    export GIT_CONFIG_COUNT=${#pairs[@]} GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=/bin/false
    export GIT_SSH_COMMAND='ssh -oBatchMode=yes' GIT_LFS_SKIP_SMUDGE=1
    # Not ext:: and the like, which run what the URL says.
    export GIT_ALLOW_PROTOCOL=file:git:http:https:ssh
}

git_check_url() {
    case $1 in
    -* | '' | *[[:space:]]*) refuse "'$1' is not a repository's URL" ;;
    *://*:*@*/*) refuse "the URL of $2 holds a password; keep it in git's credential helper" ;;
    esac
}

# git_logged CMD...: run git with its words on the log; when it fails, end with git's own last line.
GIT_SAID=
git_try() {
    local file="$CAIL_ATTEMPT_DIR/git-said" code=0
    "$@" 2>&1 | tee "$file" >&2 || code=$?
    GIT_SAID=$(tr '\r' '\n' <"$file" | grep -aE '^(fatal|error|remote: (fatal|error)):' | tail -n 1 ||
        true)
    rm -f -- "$file"
    return "$code"
}

# remote_ask URL PATTERN...: "SHA TAB REF" lines of the remote, and the branch HEAD stands for as
# "ref: REF TAB HEAD". REMOTE_FILTERS tells whether it can leave file contents out.
remote_ask() {
    local trace="$CAIL_ATTEMPT_DIR/git-trace" err="$CAIL_ATTEMPT_DIR/git-err"
    REMOTE_FILTERS=false
    rm -f -- "$trace"
    if ! REMOTE_SAID=$(GIT_TRACE_PACKET="$trace" git ls-remote --symref -- "$@" 2>"$err"); then
        cat -- "$err" >&2
        die "cannot ask $1: $(grep -aE '^(fatal|error):' "$err" | tail -n 1 || true)"
    fi
    ! grep -aqE 'fetch=.*\bfilter\b' "$trace" || REMOTE_FILTERS=true
    rm -f -- "$trace" "$err"
}

# remote_has REF: set REMOTE_SHA to what REMOTE_SAID has for exactly this ref.
remote_has() {
    REMOTE_SHA=$(awk -F '\t' -v ref="$1" '$2 == ref && $1 !~ /^ref: / { print $1; exit }' \
        <<<"$REMOTE_SAID")
    [[ -n $REMOTE_SHA ]]
}

# remote_trunk: set REF_TRUNK to the branch that REMOTE_SAID says HEAD stands for; empty for none.
remote_trunk() {
    REF_TRUNK=$(sed -n 's/^ref: \(refs[^\t]*\)\tHEAD$/\1/p' <<<"$REMOTE_SAID")
}

# remote_resolve URL REF: set REF_FROM (a ref or a full sha to fetch), REF_TO (where the mirror
# keeps it), REF_SHA (what the remote says now; empty for an abbreviated sha), REF_NAME, and
# REF_COMMIT (what names the commit once it is fetched).
remote_resolve() {
    local url=$1 ref=$2
    REF_SHA='' REF_NAME=$ref REF_COMMIT='' REF_TRUNK=''
    case $ref in
    '' | HEAD)
        remote_ask "$url" HEAD
        remote_has HEAD || die "$url has no HEAD: it is empty"
        remote_trunk
        # A detached HEAD names no branch.
        REF_FROM=${REF_TRUNK:-HEAD} REF_TO=${REF_TRUNK:-refs/cail/head} REF_SHA=$REMOTE_SHA
        REF_NAME=${REF_TRUNK#refs/heads/}
        return
        ;;
    pull/*)
        remote_ask "$url" HEAD "refs/$ref/head"
        remote_trunk
        remote_has "refs/$ref/head" || die "$url has no refs/$ref/head"
        REF_FROM=refs/$ref/head REF_TO=refs/cail/$ref REF_SHA=$REMOTE_SHA
        return
        ;;
    esac
    remote_ask "$url" HEAD "refs/heads/$ref" "refs/tags/$ref" "refs/tags/$ref^{}"
    remote_trunk
    if remote_has "refs/heads/$ref"; then
        REF_FROM=refs/heads/$ref REF_TO=$REF_FROM REF_SHA=$REMOTE_SHA
    elif remote_has "refs/tags/$ref^{}" || remote_has "refs/tags/$ref"; then
        REF_FROM=refs/tags/$ref REF_TO=$REF_FROM REF_SHA=$REMOTE_SHA
    elif [[ $ref =~ ^[0-9a-f]{40}$ ]]; then
        REF_FROM=$ref REF_TO=refs/cail/sha/$ref REF_SHA=$ref
    elif [[ $ref =~ ^[0-9a-f]{7,39}$ ]]; then
        # No remote finds a commit by a part of its name: look on the default branch.
        remote_resolve "$url" ''
        REF_SHA='' REF_NAME=$ref REF_COMMIT=$ref
    else
        die "$url has neither a branch nor a tag '$ref'"
    fi
}

# mirror_has DIR SHA: is the commit there? Without asking the remote for what is missing.
mirror_has() {
    git -C "$1" -c remote.origin.promisor=false rev-parse -q --verify "$2^{commit}" \
        >/dev/null 2>&1
}

# What a killed git leaves in a bare repository. Only for the holder of its flock.
mirror_unlock() {
    local file
    while IFS= read -r -d '' file; do
        rm -rf -- "$file"
        say "removed what a killed git left: ${file#"$CAIL_BUILD_ROOT"/}"
    done < <(
        find "$1" -maxdepth 1 -type f -name '*.lock' -print0
        find "$1/refs" -type f -name '*.lock' -print0
        find "$1/objects" \( -name 'tmp_*' -o -name '*.lock' \) -prune -print0
    )
}

# mirror_fetch DIR URL: bring REF_FROM to REF_TO.
mirror_fetch() {
    local -a filter=()
    git -C "$1" config remote.origin.url "$2"
    # A mirror that once was filtered must stay so: it relies on the remote for contents.
    if [[ $REMOTE_FILTERS == true || $(git -C "$1" config remote.origin.promisor || true) == true ]]
    then
        filter=(--filter=blob:none)
    fi
    git_try git -C "$1" fetch --progress --no-tags --no-write-fetch-head \
        --recurse-submodules=no "${filter[@]}" origin "+$REF_FROM:$REF_TO"
}

# mirror_update DIR NAME URL: a mirror that has REF_TO as the remote has it. A first fetch that fails
# leaves no mirror; a later one leaves it as it was.
mirror_update() {
    local dir=$1 url=$3 part="$1.part" kept
    if [[ -d $dir ]]; then
        mirror_unlock "$dir"
        kept=$(git -C "$dir" rev-parse -q --verify "$REF_TO^{commit}" 2>/dev/null || true)
        if [[ -n $REF_SHA && $kept == "$REF_SHA" ]]; then
            say "$2: $REF_NAME is still at ${REF_SHA:0:12}"
            return
        fi
        say "fetching $2: $REF_NAME from $url"
        mirror_fetch "$dir" "$url" || {
            mirror_unlock "$dir"
            die "cannot fetch $2 from $url: ${GIT_SAID:-git failed}"
        }
        return
    fi
    rm -rf -- "$part"
    say "first fetch of $2 from $url ($([[ $REMOTE_FILTERS == true ]] &&
        echo 'contents come when they are needed' || echo 'whole: the remote cannot filter'))"
    git init -q --bare "$part"
    mirror_fetch "$part" "$url" || {
        rm -rf -- "$part"
        die "cannot fetch $2 from $url: ${GIT_SAID:-git failed}"
    }
    mv -T -- "$part" "$dir"
}

# worktree_forget MIRROR DIR: remove DIR and git's note of it, however little of either was made.
worktree_forget() {
    local admin at
    rm -rf -- "$2"
    for admin in "$1"/worktrees/*; do
        [[ -d $admin ]] || continue
        at=''
        [[ ! -f $admin/gitdir ]] || IFS= read -r at <"$admin/gitdir" || true
        # No name in it: it was killed before it wrote one.
        if [[ -z $at || $at == "$2/.git" ]]; then
            rm -rf -- "$admin"
        fi
    done
}

# worktree_whole DIR SHA: is DIR a worktree of SHA with nothing changed in it?
worktree_whole() {
    [[ $(git -C "$1" rev-parse HEAD 2>/dev/null || true) == "$2" ]] || return 1
    [[ -z $(git -C "$1" --no-optional-locks status --porcelain --untracked-files=no \
        --ignore-submodules=all) ]] ||
        die "files in $1 were changed by hand; what would be built is not $2." \
            "Move the changes away: git -C $1 stash"
}

# worktree_get MIRROR NAME SHA [DIR]: set SRC_DIR.
worktree_get() {
    local mirror=$1 sha=$3 part
    SRC_DIR=${4:-$CAIL_BUILD_ROOT/src/$2/${sha:0:12}}
    part=$SRC_DIR.part
    worktree_forget "$mirror" "$part"
    if [[ -d $SRC_DIR ]]; then
        if worktree_whole "$SRC_DIR" "$sha"; then
            say "$2: worktree $SRC_DIR"
            return
        fi
    fi
    worktree_forget "$mirror" "$SRC_DIR"
    mkdir -p -- "${SRC_DIR%/*}"
    say "checking out $2 ${sha:0:12} at $SRC_DIR"
    if ! git_try git -C "$mirror" worktree add -q --no-checkout --detach "$part" "$sha" ||
        ! git_try git -C "$part" checkout -q --progress --force --detach "$sha"; then
        worktree_forget "$mirror" "$part"
        die "cannot check out $2 ${sha:0:12}: ${GIT_SAID:-git failed}"
    fi
    git -C "$mirror" worktree move "$part" "$SRC_DIR"
}

# source_fetch NAME URL REF: bring REF into the mirror. Sets SRC_SHA and SRC_REF.
source_fetch() {
    remote_resolve "$2" "$3"
    mirror_update "$SRC_MIRROR" "$1" "$2"
    # The ref may have moved since it was asked for: what was fetched counts.
    SRC_SHA=$(git -C "$SRC_MIRROR" rev-parse -q --verify "${REF_COMMIT:-$REF_TO}^{commit}") ||
        die "$2 has neither a branch, a tag nor one commit '$3' on its default branch"
    [[ -z $REF_TRUNK ]] || git -C "$SRC_MIRROR" symbolic-ref HEAD "$REF_TRUNK"
    SRC_REF=$REF_NAME
}

# trunk_length TIP: how many first parents the default branch has. Counted once, then from where it
# was; for the holder of the mirror's lock.
trunk_length() {
    local file=$SRC_MIRROR/cail-trunk tip='' count='' more
    ! [[ -f $file ]] || read -r tip count <"$file" || true
    if [[ $tip =~ ^[0-9a-f]{40}$ && $count =~ ^[0-9]{1,9}$ ]] && mirror_has "$SRC_MIRROR" "$tip" &&
        more=$(timeout 60 git -C "$SRC_MIRROR" rev-list --first-parent --count "$tip..$1") &&
        [[ $(git -C "$SRC_MIRROR" rev-parse -q --verify "$1~$more") == "$tip" ]]; then
        count=$((count + more))
    else
        count=$(timeout 120 git -C "$SRC_MIRROR" rev-list --first-parent --count "$1") || return 1
    fi
    printf '%s %s\n' "$1" "$count" >"$file.new"
    mv -- "$file.new" "$file"
    printf '%s' "$count"
}

# commit_place SHA: its place among the first parents of the default branch, from the root on; nothing
# for a commit that is not one of them.
commit_place() {
    local trunk tip length behind
    trunk=$(git -C "$SRC_MIRROR" symbolic-ref -q HEAD) || return 1
    tip=$(git -C "$SRC_MIRROR" rev-parse -q --verify "$trunk^{commit}") || return 1
    behind=$(timeout 60 git -C "$SRC_MIRROR" rev-list --first-parent --count "$1..$tip") || return 1
    [[ $(git -C "$SRC_MIRROR" rev-parse -q --verify "$tip~$behind") == "$1" ]] || return 1
    length=$(trunk_length "$tip") || return 1
    printf '%s' $((length - behind))
}

# commit_tell SHA: what is known of a commit, for who lays results along commits: the line "sha TAB place
# TAB time TAB author TAB subject" of $CAIL_ATTEMPT_DIR/commits. Not knowing is no failure.
commit_tell() {
    local place line
    place=$(commit_place "$1" 2>/dev/null) || place=''
    line=$(git -C "$SRC_MIRROR" log -1 --no-show-signature \
        --format="%H%x09$place%x09%ct%x09%an%x09%s" "$1" 2>/dev/null) || return 0
    printf '%s\n' "${line:0:2000}" >>"$CAIL_ATTEMPT_DIR/commits"
}

# source_of_worktree NAME: is the job's source a working tree, and NAME what its recipe builds?
source_of_worktree() {
    [[ -n ${CAIL_SOURCE_WORKTREE-} ]] || return 1
    [[ $1 == "$(sed -n 's/^  "upstream": "\(.*\)",$/\1/p' "${CAIL_RECIPE_DIR:-}/recipe.json" || true)" ]]
}

# source_snapshot NAME URL: the working tree as it is now, as a commit of the mirror.
source_snapshot() {
    local code=0
    # shellcheck source=/dev/null
    . "$CAIL_LIB/snapshot.sh"
    [[ -d $SRC_MIRROR ]] || source_fetch "$1" "$2" ''
    mirror_unlock "$SRC_MIRROR"
    say "$1: taking the working tree $CAIL_SOURCE_WORKTREE"
    SRC_SHA=$(snapshot_take "$CAIL_SOURCE_WORKTREE" "$SRC_MIRROR") || code=$?
    ((code == 0)) || exit "$code"
    SRC_REF="working tree $CAIL_SOURCE_WORKTREE"
}

# source_merge_base NAME URL REF: where REF ("" = the job's working tree) left the default branch.
source_merge_base() {
    local trunk
    source_fetch "$1" "$2" ''
    trunk=$SRC_SHA
    if [[ -n $3 ]]; then
        source_fetch "$1" "$2" "$3"
    elif source_of_worktree "$1"; then
        source_snapshot "$1" "$2"
    else
        die "merge-base of what? Write merge-base:REF"
    fi
    SRC_SHA=$(git -C "$SRC_MIRROR" merge-base "$trunk" "$SRC_SHA") ||
        die "$SRC_REF has no commit in common with the default branch of $2"
    SRC_REF="merge-base of $SRC_REF"
}

# source_get NAME REF [mirror|worktree [DIR]]: mirror the upstream's REF ("" = its default branch;
# merge-base:REF = where REF left that) and make a worktree of it (at DIR), unless only the mirror is
# asked for. Where the job's source is a working tree (CAIL_SOURCE_WORKTREE), anything but a full sha
# stands for what that holds now. Sets SRC_MIRROR, SRC_SHA, SRC_REF and SRC_DIR.
# shellcheck disable=SC2034 # SRC_REF is for the steps
source_get() {
    local name=$1 ref=$2 what=${3-worktree} url
    git_settle_env
    url=$(upstream_url "$name")
    git_check_url "$url" "$name"
    SRC_MIRROR=$CAIL_BUILD_ROOT/mirrors/$name.git SRC_DIR=''
    lock_take "$CAIL_BUILD_ROOT/mirrors/$name.lock"
    if [[ $ref =~ ^[0-9a-f]{40}$ && -d $SRC_MIRROR ]] && mirror_has "$SRC_MIRROR" "$ref"; then
        mirror_unlock "$SRC_MIRROR"
        SRC_SHA=$ref SRC_REF=$ref
    elif [[ $ref == merge-base || $ref == merge-base:* ]]; then
        ref=${ref#merge-base}
        source_merge_base "$name" "$url" "${ref#:}"
    elif source_of_worktree "$name"; then
        source_snapshot "$name" "$url"
    else
        source_fetch "$name" "$url" "$ref"
    fi
    # A snapshot is nobody's commit.
    [[ $SRC_REF == 'working tree '* ]] || commit_tell "$SRC_SHA"
    [[ $what == mirror ]] || worktree_get "$SRC_MIRROR" "$name" "$SRC_SHA" "${4-}"
    lock_drop
}
