# shellcheck shell=bash
# Upstream sources from where the recipe says: the mirror, or an archive someone carried here (a
# machine without a network). Source after git.sh.

# archive_get NAME FILE: unpack FILE below the build root, once for each content. Sets SRC_DIR and
# SRC_SHA ("archive-" and the start of the file's digest: it is no commit).
archive_get() {
    local name=$1 file=$2 part top
    [[ -f $file && -r $file ]] || refuse "source: there is no readable file at $file"
    SRC_SHA=$(sha256sum <"$file")
    SRC_SHA=archive-${SRC_SHA:0:12} SRC_REF=${file##*/}
    SRC_DIR=$CAIL_BUILD_ROOT/src/$name/$SRC_SHA part=$SRC_DIR.part
    lock_take "$CAIL_BUILD_ROOT/src/$name.lock"
    if [[ -d $SRC_DIR ]]; then
        say "$name: unpacked before at $SRC_DIR"
    else
        rm -rf -- "$part"
        mkdir -p -- "$part"
        tar -xf "$file" -C "$part" --no-same-owner --no-same-permissions ||
            refuse "source: tar cannot unpack $file"
        # An archive of one folder is that folder.
        top=$(find "$part" -mindepth 1 -maxdepth 1 -printf '%y%p\n')
        if [[ $top == d*"$part"/* && $top != *$'\n'* ]]; then
            mv -T -- "${top#d}" "$SRC_DIR"
            rm -rf -- "$part"
        else
            mv -T -- "$part" "$SRC_DIR"
        fi
    fi
    lock_drop
}

# source_any NAME REF ARCHIVE FILE...: set SRC_DIR, SRC_SHA and SRC_REF; each FILE must be in it.
source_any() {
    local name=$1 ref=$2 archive=$3 file
    shift 3
    if [[ -n $archive ]]; then
        archive_get "$name" "$archive"
    else
        source_get "$name" "$ref"
    fi
    for file; do
        [[ -e $SRC_DIR/$file ]] || refuse "this is no $name: ${archive:-$SRC_REF} has no $file"
    done
    say "$name: ${SRC_REF:-HEAD} is $SRC_SHA"
}

# source_keep, source_kept: what the fetch step found, for the later ones.
source_keep() {
    printf '%s\n%s\n%s\n' "$SRC_DIR" "$SRC_SHA" "$SRC_REF" >"$CAIL_JOB_DIR/source"
}
# shellcheck disable=SC2034 # for the steps
source_kept() {
    { read -r SRC_DIR && read -r SRC_SHA && read -r SRC_REF; } <"$CAIL_JOB_DIR/source"
    [[ -d $SRC_DIR ]] || die "the sources at $SRC_DIR are gone; retry the job from its first step"
}
