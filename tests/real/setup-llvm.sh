#!/bin/bash
# setup-llvm builds FileCheck from a mirror of real LLVM sources, with the progress moving, and the
# same commit again is answered from the cache. A daemon of its own; nothing of yours is touched.
#   CAIL_UPSTREAM_LLVM_URL=file:///path/llvm-src.git tests/real/setup-llvm.sh
# Without that variable the mirror is made of Debian's sources, as recipes/primary/llvm-mlir/README.md
# says, in ~/.cail/real (needs a deb-src entry; 164 MB to fetch).
set -euo pipefail
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
cail=$root/build/bin/cail
# shellcheck source=tests/lib/real_daemon.sh
. "$root/tests/lib/real_daemon.sh"

make_mirror() { # FOLDER
    local src=$1/llvm-src archive
    mkdir -p "$1" && cd "$1"
    apt-get source -qq --download-only llvm-toolchain-19
    archive=$(compgen -G 'llvm-toolchain-19_*.orig.tar.xz')
    mkdir -p "$src"
    tar -xJf "$archive" -C "$src" --strip-components=1 --wildcards \
        '*/llvm' '*/mlir' '*/clang' '*/cmake' '*/third-party'
    git -C "$src" init -q -b main && git -C "$src" add -f .
    git -C "$src" -c user.name=lab -c user.email=lab@localhost commit -q -m "${archive%.orig*}"
    git clone -q --bare --no-local "$src" "$1/llvm-src.git"
    git -C "$1/llvm-src.git" config uploadpack.allowFilter true
    rm -rf "$src"
    cd "$root"
}

if [[ ! ${CAIL_UPSTREAM_LLVM_URL:-} ]]; then
    mirror=$HOME/.cail/real
    [[ -d $mirror/llvm-src.git ]] || make_mirror "$mirror"
    export CAIL_UPSTREAM_LLVM_URL=file://$mirror/llvm-src.git
fi

real_daemon "$root/build/bin" "$work"

build() { # sets job, state
    local seen='' now
    job=$("$cail" submit setup-llvm -p targets=FileCheck)
    while :; do
        now=$("$cail" show "$job" --json | jq -r '"\(.state) \(.step.name // "") \(.progress.done // "")/\(.progress.total // "") \(.progress.unit // "")"')
        state=${now%% *}
        [[ $now == "$seen" ]] || steps=$((steps + 1))
        seen=$now
        case $state in succeeded | failed | canceled | timed_out | lost | dep_failed) break ;; esac
        sleep 0.5
    done
    [[ $state == succeeded ]] || { "$cail" log "$job" | tail -n 30 && exit 1; }
}

steps=0
SECONDS=0
build
echo "first run: job $job $state after $SECONDS s; its progress was seen to move $steps times"
((steps >= 10)) || { echo "the progress stood still" && exit 1; }
"$cail" log "$job" | tail -n 3
steps=0
SECONDS=0
build
cached=$("$cail" show "$job" --json | jq .cached)
echo "same commit again: job $job $state after $SECONDS s, cached: $cached"
[[ $cached == true ]]
"$cail" cache
echo "sources: $CAIL_UPSTREAM_LLVM_URL"
echo "machine: $(nproc) cpus, $(uname -r), $(cc --version | head -n1)"
