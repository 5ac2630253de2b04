# shellcheck shell=bash
# What every step may use. Sourced by step.sh; a step is then sourced in the same shell, so a
# failing command anywhere ends it.

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# refuse REASON: nothing was changed and trying again will not help (EX_CONFIG).
refuse() {
    printf 'refused: %s\n' "$*" >&2
    exit 78
}

# param NAME [DEFAULT]: a parameter of the recipe; the daemon has checked its type.
param() {
    local name="CAIL_PARAM_${1^^}"
    printf '%s' "${!name-${2-}}"
}

# metric BENCHMARK NAME VALUE UNIT BETTER KIND [param.X=Y ...]: one sample on the log.
metric() {
    local rest
    rest=$(printf ' %s' "${@:7}")
    printf '::cail metric benchmark=%s name=%s value=%s unit=%s better=%s kind=%s%s\n' \
        "$1" "$2" "$3" "$4" "$5" "$6" "${rest% }"
}

# rounds DEFAULT: how often the measuring step measures. In a comparison each run is one round
# (CAIL_ROUNDS), whatever the parameter `rounds` says.
rounds() { printf '%s' "${CAIL_ROUNDS:-$(param rounds "$1")}"; }

# first_round: is this where what need not be repeated is done: tests, sizes, texts to compare? In a
# comparison it is so in the first round of the experiment and of what confirms it.
first_round() { [[ ${CAIL_FIRST:-1} == 1 ]]; }

# program NAME DIR...: MEASURED, the program that is measured: of one side's own binaries where a
# comparison names some (CAIL_BIN_DIR), else of the first folder that has it; 1 when none has.
# shellcheck disable=SC2034 # for the steps
program() {
    local name=$1 dir
    shift
    if [[ -n ${CAIL_BIN_DIR-} ]]; then
        set -- "$CAIL_BIN_DIR"
    fi
    for dir; do
        MEASURED=$dir/$name
        [[ ! -x $MEASURED || -d $MEASURED ]] || return 0
    done
    [[ -z ${CAIL_BIN_DIR-} ]] || refuse "the folder of this side's programs, $CAIL_BIN_DIR, has no $name"
    return 1
}

# use_dir RECIPE: the build of a recipe that this one uses, in USE_DIR.
# shellcheck disable=SC2034 # for the steps
use_dir() {
    local var="CAIL_USE_${1^^}"
    var=${var//-/_}
    USE_DIR=${!var-}
    [[ -n $USE_DIR ]] || refuse "this step uses a build of the recipe $1, and $var names none"
    [[ -d $USE_DIR ]] || refuse "the build of $1 is gone from $USE_DIR; submit the job again"
}

progress() { printf '::cail progress done=%s total=%s label=%s\n' "$1" "$2" "$3"; }

now_us() {
    local t=$EPOCHREALTIME
    printf '%s' "${t//[!0-9]/}"
}

# us_to UNIT MICROSECONDS: a decimal, without a process and without rounding.
us_to() {
    case $1 in
    ms) printf '%d.%03d' $(($2 / 1000)) $(($2 % 1000)) ;;
    s) printf '%d.%06d' $(($2 / 1000000)) $(($2 % 1000000)) ;;
    esac
}

# How many CPUs the job was granted.
granted_cpus() {
    local n=${CAIL_CPUS:-0}
    ((n > 0)) || n=$(nproc)
    printf '%s' "$n"
}

mem_available_mib() { awk '/^MemAvailable:/ { printf "%d", $2 / 1024 }' /proc/meminfo; }

# lock_take FILE: wait for an exclusive lock and keep it in $LOCK_FD until lock_drop. The kernel drops
# it when the last process that inherited it is gone, so a killed holder never blocks the next one
# while a git it started still writes.
lock_take() {
    mkdir -p -- "${1%/*}"
    exec {LOCK_FD}>>"$1"
    if ! flock -n "$LOCK_FD"; then
        say "waiting for another job that holds $1"
        flock "$LOCK_FD"
    fi
}
lock_drop() { exec {LOCK_FD}>&-; }

# link_newest TARGET LINK: point a symlink somewhere else in one step.
link_newest() {
    local tmp="$2.$$"
    mkdir -p -- "${2%/*}"
    ln -s -- "$1" "$tmp"
    mv -fT -- "$tmp" "$2"
}
