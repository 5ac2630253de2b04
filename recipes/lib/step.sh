#!/bin/bash
# Runs one step of a recipe: step.sh FILE. The environment is the one recipes/README.md lists; the exit
# code is the step's own, 78 when something it needs is missing (nothing was started then).
set -Eeuo pipefail
shopt -s inherit_errexit

CAIL_LIB=${CAIL_LIB:-$(cd -P -- "${BASH_SOURCE[0]%/*}" && pwd)}
for part in tools common marker preflight git; do
    # shellcheck source=/dev/null
    . "$CAIL_LIB/$part.sh"
done

if (($# != 1)) || [[ ! -f $1 ]]; then
    echo "usage: step.sh FILE" >&2
    exit 64
fi

# The place of the failing command, as "file:line: the command failed (1): git fetch ...".
step_failed() {
    local code=$1 place=$2 cmd=$3
    # A refusal has said its reason, which stays the last line.
    ((code != 78)) || return 0
    cmd=${cmd%%$'\n'*}
    printf '%s: exit code %s: %s\n' "$place" "$code" "${cmd:0:200}" >&2
}
trap 'step_failed "$?" "${BASH_SOURCE[0]##*/}:$LINENO" "$BASH_COMMAND"' ERR

# Programs of the builds it uses come before what is installed, and one side's own before those.
for part in "${!CAIL_USE_@}"; do
    [[ ! -d ${!part}/bin ]] || export PATH=${!part}/bin:$PATH
done
[[ -z ${CAIL_BIN_DIR-} ]] || export PATH=$CAIL_BIN_DIR:$PATH

# Programs that were built elsewhere need no tools to build them.
[[ -n ${CAIL_BIN_DIR-} ]] || preflight
# shellcheck source=/dev/null
. "$1"
