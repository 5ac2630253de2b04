#!/bin/bash
# The headline on the real IREE: a checkout with uncommitted changes, and `cail compare` without a word.
# The changes are made here: iree_bitmap_count() is rewritten, slower, and it counts what lies behind the
# last bit, so a test of the runtime fails; and there is an untracked file. Then the code is as it was and
# that file stays: another commit, built anew, of the same programs.
#   UPSTREAMS=/path CMAKE=/path/cmake-3.26 tests/real/headline.sh
# UPSTREAMS has bare repositories iree.git, flatcc.git, benchmark.git and googletest.git (git config
# uploadpack.allowFilter true in each). Needs clang, ninja, and a cmake of at least 3.26 (CMAKE, else PATH's).
set -euo pipefail
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${CAIL_BIN:-$root/build/bin}
ups=${UPSTREAMS:?a folder of bare repositories}
CMAKE=${CMAKE:-$(type -P cmake)}
export CMAKE
# shellcheck source=tests/lib/real_daemon.sh
. "$root/tests/lib/real_daemon.sh"
tree=$work/iree passed=0 failed=0

check() { # WHAT, then a test
    local what=$1 word=FAIL
    shift
    if "$@"; then
        word=PASS passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
    printf '%s  %s\n' "$word" "$what"
}

# All below .git: kind, mode, size, time and name of each, and the bytes of each file; and the status.
whole() {
    git -C "$tree" --no-optional-locks status --porcelain=v2
    (cd "$tree/.git" && find . -printf '%y %m %s %T@ %p %l\n' | LC_ALL=C sort &&
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}

# compare NAME: `cail compare` as a person types it; its report, exit code and document are kept as NAME.*
compare() {
    local code=0
    whole >"$work/before"
    (cd "$tree" && "$bin/cail" compare) >"$work/$1.out" 2>"$work/$1.err" || code=$?
    whole >"$work/after"
    echo "\$ cail compare"
    sed -e "s,$CAIL_URL,LAB," -e "s,$work,WORK,g" <(grep -a '^cail: ' "$work/$1.err" | grep -v round) "$work/$1.out"
    echo "\$ echo \$?"
    echo "$code"
    echo "$code" >"$work/$1.code"
    ! grep -q /comparisons/ "$work/$1.out" ||
        curl -fsS "$CAIL_URL/comparisons/$(sed -n 's,.*/comparisons/,,p' "$work/$1.out")" >"$work/$1.json"
}
says() { jq -e "$2" "$work/$1.json" >/dev/null; } # NAME JQ

git clone -q --shared "$ups/iree.git" "$tree"
git -C "$tree" remote set-url origin "$(jq -r .url "$root/recipes/upstreams/iree.json")"
for name in flatcc benchmark googletest; do
    export "CAIL_UPSTREAM_IREE_${name^^}_URL=file://$ups/$name.git"
done
export CAIL_UPSTREAM_IREE_URL=file://$ups/iree.git
mkdir "$work/home"
real_daemon "$bin" "$work/home" --recipes "$root/recipes"

cat >"$work/slow.c" <<'C'
  // Four bits at a time, and whole words.
  iree_host_size_t ones = 0;
  for (iree_host_size_t i = 0; i * 64 < bitmap.bit_count; ++i) {
    for (uint64_t word = bitmap.words[i]; word; word >>= 4) {
      ones += (0x4332322132212110ull >> ((word & 15) * 4)) & 15;
    }
  }
  if (bitmap.bit_count) return ones;
C
sed -i "/^iree_host_size_t iree_bitmap_count(iree_bitmap_t bitmap) {\$/r $work/slow.c" "$tree/runtime/src/iree/base/bitmap.c"
echo 'to be measured' >"$tree/notes.txt"
echo "\$ git log -1 --format='%h %cs'; git status --short; git diff --stat"
git -C "$tree" log -1 --format='%h %cs'
git -C "$tree" --no-optional-locks status --short
git -C "$tree" --no-optional-locks diff --stat
compare changed
measuring=$(jq .jobs.measure "$work/changed.json")
curl -fsS "$CAIL_URL/jobs/$measuring/results" >"$work/results.json"
echo
check "exit code 1: it fails" [ "$(<"$work/changed.code")" = 1 ]
check "time: BM_BitmapCount_1024 is a regression, seen again, its whole interval above +3 %" says changed \
    '.rows[] | select(.benchmark == "BM_BitmapCount_1024" and .metric == "cpu_time") |
     .verdict == "regression" and (.flags | index("confirmed")) != null and .effect_lo > 1.03'
check "it stands in the report with its interval" \
    grep -qE '^BM_BitmapCount_1024 +cpu_time .*\+[0-9.]+ % \[\+[0-9.]+, \+[0-9.]+\]  regression, confirmed' "$work/changed.out"
check "what the programs count is there (items per second), and instructions or that none can be counted" says changed \
    'any(.rows[]; .metric == "items_per_second") and
     (any(.rows[]; .metric == "instructions") or any(.missing[]; startswith("instructions:")))'
check "sizes: the code of three programs" says changed '[.rows[] | select(.metric == "text_size")] | length == 3'
check "tests: iree/base/bitmap_test fails that did not, and nothing else" says changed \
    '[.checks[] | [.benchmark, .verdict]] == [["iree/base/bitmap_test", "new_failure"]] and .checks_same > 30'
check "it failed twice on head and passed twice on base before it counted" says results \
    '[.results[] | select(.benchmark == "iree/base/bitmap_test") | .status] | sort == ["failed", "failed", "ok", "ok"]'
check "diff: the size of iree_bitmap_count in the symbols of bitmap_benchmark" says changed \
    'any(.diffs[]; .name == "bitmap_benchmark.symbols.txt" and (.text | test("\n[+]iree_bitmap_count [tT] ")))'
check "git status and every file below .git are as they were" cmp -s "$work/before" "$work/after"
check "its hashes are of $(grep -c '^[0-9a-f]\{64\} ' "$work/after") files" grep -q ' ./index$' "$work/after"

echo
git -C "$tree" diff >"$work/patch"
git -C "$tree" apply -R "$work/patch"
echo "\$ git status --short    # the code as it was"
git -C "$tree" --no-optional-locks status --short
compare undone
echo
check "exit code 0" [ "$(<"$work/undone.code")" = 0 ]
check "the verdict is no regression: $(jq -r .verdict "$work/undone.json")" says undone '.verdict != "regression"'
check "they were two commits" says undone '.base.sha != .head.sha'
check "no test, size or symbol differs" says undone \
    '.checks == [] and .diffs == [] and all(.rows[] | select(.metric == "text_size"); .verdict == "same")'
check "git status and every file below .git are as they were" cmp -s "$work/before" "$work/after"

rm "$tree/notes.txt"
echo "\$ git status --short    # nothing"
git -C "$tree" --no-optional-locks status --short
compare nothing
echo
check "exit code 0, and nothing is measured" [ "$(<"$work/nothing.code")$(ls "$work/nothing.json" 2>/dev/null)" = 0 ]
check "git status and every file below .git are as they were" cmp -s "$work/before" "$work/after"
echo "machine: $(nproc) cpus, $(uname -r); $("$CMAKE" --version | head -n1)"
echo "$passed passed, $failed failed"
((failed == 0))
