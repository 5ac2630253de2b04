# shellcheck shell=bash
# Brings the commit that `ref` names, unless a runner is named; keys the cache with either.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/build.sh"

build_root_open
runner=$(param runner)
if [[ -n $runner ]]; then
    [[ -f $runner && -x $runner ]] || refuse "runner: there is no program at $runner"
    printf 'runner %s\n' "$(sha256sum <"$runner")" | key_write
    exit 0
fi
# Before a clone of hundreds of MiB.
bazel=$(tool_path bazel) || refuse "no bazel or bazelisk here builds hlo_runner_main; install bazelisk, or name" \
    "a program: -p runner=/path/hlo_runner_main"
source_any xla "$(param ref)" '' configure.py xla/tools/multihost_hlo_runner
source_keep
{
    printf 'sha %s\nbazel %s, wanted %s\n' "$SRC_SHA" "$bazel" "$(cat -- "$SRC_DIR/.bazelversion" 2>/dev/null || true)"
    ! type -P clang >/dev/null || printf 'clang %s\n' "$(clang --version | sed -n 1p)"
} | key_write
