# shellcheck shell=bash
# The submodules a build needs, and no others: each has a mirror of its own beside the others, and a
# worktree at its place within the worktree of the sources. Source after git.sh.

# submodule_name PATH: "third_party/flatcc" of iree is the upstream "iree-flatcc".
submodule_name() {
    local name=${1##*/}
    name=${name,,}
    printf '%s-%s' "$2" "${name//[^a-z0-9]/-}"
}

# submodule_url FILE PATH: what .gitmodules says.
submodule_url() {
    local key
    key=$(git config -f "$1" --get-regexp '^submodule\..*\.path$' |
        awk -v path="$2" '$2 == path { sub(/\.path$/, ".url", $1); print $1; exit }')
    [[ -z $key ]] || git config -f "$1" --get "$key"
}

# submodules_get UPSTREAM PATH...: the commits that SRC_DIR pins. The URL is .gitmodules' own, unless
# CAIL_UPSTREAM_<UPSTREAM>_<LAST PART OF PATH>_URL names another. SRC_* stay those of the sources.
submodules_get() {
    local upstream=$1 path name var url sha top=$SRC_DIR
    local kept=("$SRC_MIRROR" "$SRC_SHA" "$SRC_REF" "$SRC_DIR")
    shift
    for path; do
        name=$(submodule_name "$path" "$upstream")
        var=CAIL_UPSTREAM_${name^^}_URL
        var=${var//-/_}
        sha=$(git -C "$top" ls-tree HEAD "$path" | awk '$1 == "160000" { print $3 }')
        [[ -n $sha ]] || refuse "this commit of $upstream has no submodule at $path"
        if [[ -z ${!var-} ]]; then
            url=$(submodule_url "$top/.gitmodules" "$path")
            [[ $url == *://* ]] || die "$upstream: .gitmodules has no absolute URL for $path: '$url'"
            export "$var=$url"
        fi
        source_get "$name" "$sha" worktree "$top/$path"
        say "$path is $sha"
    done
    SRC_MIRROR=${kept[0]} SRC_SHA=${kept[1]} SRC_REF=${kept[2]} SRC_DIR=${kept[3]}
}
