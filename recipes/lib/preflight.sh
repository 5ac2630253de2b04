# shellcheck shell=bash
# Before the first command of a step: are the tools the recipe needs there, new enough, and is there
# room? All that is missing is told at once, with the Debian package that has it.

preflight_lack() { PREFLIGHT_LACKS+=("$1"); }

# A parameter that bears the tool's name and holds a path (mlir_opt=/opt/bin/mlir-opt) is the tool; then
# a variable of that name, where the recipe passes one (CMAKE=/opt/cmake/bin/cmake).
preflight_path() {
    local name=${1^^} var
    name=${name//[^A-Z0-9_]/_}
    for var in "CAIL_PARAM_$name" "$name"; do
        [[ ${!var-} == /* ]] || continue
        [[ -x ${!var} && ! -d ${!var} ]] && printf '%s' "${!var}"
        return
    done
    tool_path "$1"
}

preflight_tool() {
    local name=$1 min=$2 package=$3 need path version
    need=$name
    [[ $min == - ]] || need="$name $min or newer"
    if ! path=$(preflight_path "$name"); then
        preflight_lack "needs $need, found none (Debian package: $package)"
    elif [[ $min != - ]]; then
        version=$(tool_version "$name" "$path")
        if [[ -z $version ]]; then
            preflight_lack "needs $need, found $path that does not tell its version (Debian package: $package)"
        elif ! version_ge "$version" "$min"; then
            preflight_lack "needs $need, found $version at $path (Debian package: $package)"
        else
            return 0
        fi
    else
        return 0
    fi
    [[ $package == - ]] || PREFLIGHT_PACKAGES+=("$package")
}

preflight_disk() {
    local want=${CAIL_DISK_MIB:-0} dir=${CAIL_BUILD_ROOT:-/} have
    ((want > 0)) || return 0
    while [[ ! -d $dir ]]; do
        dir=${dir%/*}
        dir=${dir:-/}
    done
    have=$(df -Pk -- "$dir" | awk 'NR == 2 { printf "%d", $4 / 1024 }')
    ((have >= want)) ||
        preflight_lack "needs $want MiB free below ${CAIL_BUILD_ROOT:-/}, found $have MiB"
}

preflight() {
    local name min package presence
    PREFLIGHT_LACKS=() PREFLIGHT_PACKAGES=()
    while read -r name min package presence; do
        [[ -n $name && ${presence:-required} != optional ]] || continue
        preflight_tool "$name" "${min:--}" "${package:--}"
    done <<<"${CAIL_REQUIRES:-}"
    preflight_disk
    ((${#PREFLIGHT_LACKS[@]} > 0)) || return 0
    {
        printf '%s cannot start:\n' "${CAIL_RECIPE:-this recipe}"
        printf '  %s\n' "${PREFLIGHT_LACKS[@]}"
        ((${#PREFLIGHT_PACKAGES[@]} == 0)) ||
            printf 'install: apt-get install %s\n' "$(printf '%s\n' "${PREFLIGHT_PACKAGES[@]}" |
                sort -u | paste -sd' ')"
    } >&2
    exit 78
}
