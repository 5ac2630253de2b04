# shellcheck shell=bash
# Removes a build root, or refuses with the reason and changes nothing. All checks come first; then
# the folder is renamed in one step, so there is never half a build root under its name, and only
# then emptied, the marker last: a removal that was killed is recognised and finished by the next.

root=$(param build_root)
root=${root:-${CAIL_BUILD_ROOT:?}}

# below DIR PATH: is PATH the folder DIR or in it?
below() { [[ $2/ == "${1%/}"/* ]]; }

check_name() {
    [[ $root == /* ]] || refuse "'$root' is not an absolute path"
    while [[ $root == */ && $root != / ]]; do
        root=${root%/}
    done
    [[ $root != / ]] || refuse "/ is never removed"
    case $root/ in
    *//* | */./* | */../*) refuse "'$root' has an empty part, '.' or '..'" ;;
    esac
    [[ $(realpath -m -- "$root") == "$root" ]] ||
        refuse "$root goes through a symlink; the folder itself is $(realpath -m -- "$root")"
}

# What must outlive a build root, by its own name and by what it really is.
check_keeps() {
    local home what
    home=$(getent passwd "$EUID" | cut -d: -f6 || true)
    for what in "${HOME:-}" "$home" "${CAIL_ATTEMPT_DIR:-}" "${CAIL_JOB_DIR:-}" \
        "${CAIL_RECIPES:-}" "$PWD" /usr /etc /var /root; do
        [[ -n $what ]] || continue
        if below "$root" "$what" || below "$root" "$(realpath -m -- "$what")"; then
            refuse "$root is or holds $what"
        fi
    done
}

# check_folder DIR: is it ours, marked, and all of it removable?
check_folder() {
    local dir=$1 why at found
    [[ -d $dir ]] || refuse "$dir is not a folder"
    [[ -O $dir ]] || refuse "$dir belongs to another user"
    ! why=$(marker_why_not "$dir") || refuse "$dir is not a build root of cail's: $why"
    while read -r _ _ _ _ at _; do
        at=$(printf '%b' "$at")
        ! below "$dir" "$at" || refuse "$at is a mount point; unmount it first"
    done </proc/self/mountinfo
    found=$(find "$dir" -xdev ! -uid "$EUID" -print -quit)
    [[ -z $found ]] || refuse "$found belongs to another user"
}

# lock_folder DIR: nobody may be building in it. The lock is on the marker, as every job's is.
lock_folder() {
    exec {CLEAN_FD}<"$1/$MARKER_NAME"
    flock -x -n "$CLEAN_FD" || refuse "$1 is in use by a running job"
    [[ $1/$MARKER_NAME -ef /proc/self/fd/$CLEAN_FD ]] || refuse "$1 changed while it was checked"
}

# empty_out DIR: what was renamed away. A folder without write permission would stop rm.
empty_out() {
    find "$1" -xdev -type d ! -perm -u+rwx -exec chmod u+rwx -- {} +
    find "$1" -mindepth 1 -maxdepth 1 ! -name "$MARKER_NAME" \
        -exec rm -rf --one-file-system -- {} +
    rm -f -- "$1/$MARKER_NAME"
    rmdir -- "$1"
}

# finish_earlier: what a killed removal of the same folder left beside it.
finish_earlier() {
    local left
    for left in "${root%/*}/.${root##*/}".cail-removing.*; do
        [[ -d $left && ! -L $left && -O $left ]] || continue
        ! marker_why_not "$left" >/dev/null || continue
        say "finishing an earlier removal: $left"
        lock_folder "$left"
        empty_out "$left"
    done
}

check_name
check_keeps
if [[ ! -e $root && ! -L $root ]]; then
    finish_earlier
    say "nothing to remove: there is no $root"
    return 0
fi
if [[ -d $root && ! -e $root/$MARKER_NAME && -z $(find "$root" -mindepth 1 -print -quit) ]]; then
    say "nothing to remove: $root is empty"
    return 0
fi
check_folder "$root"
[[ -w ${root%/*}/ ]] || refuse "${root%/*}/ cannot be written, so $root cannot be removed"
finish_earlier
lock_folder "$root"

away="${root%/*}/.${root##*/}.cail-removing.$$"
say "removing $root ($(du -sh -- "$root" | cut -f1))"
mv -nT -- "$root" "$away"
[[ $away/$MARKER_NAME -ef /proc/self/fd/$CLEAN_FD ]] || die "$root is not where it was; left alone"
empty_out "$away"
say "removed $root"
