# shellcheck shell=bash
# The build root and its marker. Only a folder that bears the marker is ever removed, and only a
# folder that was empty, or held nothing but what recipes put there, ever gets one: so a build root
# pointed at someone's own files by mistake is refused at once and cannot be cleaned later.

MARKER_NAME=.cail-build-root
MARKER_TEXT='cail build root, version 1'

# What a build root may hold before it is marked (the daemon makes some of these first).
marker_own_name() {
    case $1 in
    cache | ccache | current | mirrors | src | tmp | "$MARKER_NAME".*) return 0 ;;
    # There was none a moment ago: another job that begins now has marked it.
    "$MARKER_NAME") return 0 ;;
    esac
    return 1
}

# marker_why_not DIR: print why DIR does not bear our marker; 1 and nothing when it does.
marker_why_not() {
    local file="$1/$MARKER_NAME" line=
    if [[ -L $file ]]; then
        echo "its marker $MARKER_NAME is a symlink"
    elif [[ ! -e $file ]]; then
        echo "it has no marker file $MARKER_NAME"
    elif [[ ! -f $file ]]; then
        echo "its marker $MARKER_NAME is not a plain file"
    elif [[ ! -O $file ]]; then
        echo "its marker $MARKER_NAME belongs to another user"
    else
        IFS= read -r line <"$file" || true
        [[ $line != "$MARKER_TEXT" ]] || return 1
        echo "its marker $MARKER_NAME does not say \"$MARKER_TEXT\""
    fi
}

marker_write() {
    local tmp="$1/$MARKER_NAME.$$"
    printf '%s\nMade by cail. "cail run clean-all" removes the folder that holds this file.\n' \
        "$MARKER_TEXT" >"$tmp"
    # -n: of two jobs that come at the same time one wins and both find the same file.
    mv -nT -- "$tmp" "$1/$MARKER_NAME"
    rm -f -- "$tmp"
}

# build_root_open: make and mark $CAIL_BUILD_ROOT if that is needed, and hold a shared lock on its
# marker for as long as this step or anything it started lives: clean-all takes it exclusively.
build_root_open() {
    local root=${CAIL_BUILD_ROOT:?} why entry
    [[ $root == /* ]] || refuse "the build root '$root' is not an absolute path"
    mkdir -p -- "$root"
    if [[ ! -e $root/$MARKER_NAME && ! -L $root/$MARKER_NAME ]]; then
        [[ -O $root ]] || refuse "the build root $root belongs to another user"
        while IFS= read -r -d '' entry; do
            marker_own_name "${entry##*/}" ||
                refuse "the build root $root holds '${entry##*/}', which no recipe put there;" \
                    "name an empty or new folder"
        done < <(find "$root" -mindepth 1 -maxdepth 1 -print0)
        marker_write "$root"
    fi
    ! why=$(marker_why_not "$root") || refuse "the build root $root cannot be used: $why"
    exec {BUILD_ROOT_FD}<"$root/$MARKER_NAME"
    flock -s -n "$BUILD_ROOT_FD" || refuse "the build root $root is being removed by clean-all"
    # It may have been removed between the check and the lock.
    [[ $root/$MARKER_NAME -ef /proc/self/fd/$BUILD_ROOT_FD ]] ||
        refuse "the build root $root was removed while this job started"
}
