#!/bin/bash
# Ten thousand changed files of every format through the parsers, with the sanitizers: no crash, no hang,
# no number that is not one. Seeds are the golden inputs, the changes come from a fixed seed.
# CAIL_FUZZ_PROGRAM names the program; CAIL_FUZZ_TOTAL how many changes a format gets.
set -euo pipefail
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
program=${CAIL_FUZZ_PROGRAM:-build/asan/fuzz/fuzz_parsers}
total=${CAIL_FUZZ_TOTAL:-10000}
if [[ ! -x $program ]]; then
    cmake --preset asan >/dev/null
    cmake --build --preset asan --target fuzz_parsers
fi
passed=0 failed=0
for folder in tests/golden/*/; do
    format=$(basename "$folder")
    mapfile -t files < <(find "$folder" -mindepth 2 -maxdepth 2 -name input | sort)
    ((${#files[@]} > 0)) || continue
    each=$(((total + ${#files[@]} - 1) / ${#files[@]}))
    if CAIL_FUZZ_CHANGES=$each timeout 900 "$program" "${files[@]}" >/dev/null 2>"${TMPDIR:-/tmp}/cail-fuzz.$$"; then
        passed=$((passed + 1))
        echo "ok    $format: ${#files[@]} files, $each changes of each"
    else
        failed=$((failed + 1))
        echo "FAIL  $format"
        tail -n 20 "${TMPDIR:-/tmp}/cail-fuzz.$$"
    fi
done
rm -f "${TMPDIR:-/tmp}/cail-fuzz.$$"
echo "$passed passed, $failed failed"
((failed == 0))
