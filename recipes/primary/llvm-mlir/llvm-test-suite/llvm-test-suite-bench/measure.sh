# shellcheck shell=bash
# Runs the programs by lit, one at a time, each round in a copy of the build without its objects: lit
# writes where the programs are, and the build is not ours to change.
# shellcheck source=/dev/null
. "$CAIL_LIB/testsuite.sh"

LIT=$(sed -n 3p "$CAIL_JOB_DIR/tools")
[[ -e $CAIL_BUILD_DIR/lit.site.cfg ]] || die "$CAIL_BUILD_DIR holds no build of the suite"
rounds=$(rounds 3)
IFS=, read -ra subdirs <<<"$(param subdirs SingleSource/Benchmarks/Stanford)"
at=$CAIL_ATTEMPT_DIR/suite
mkdir -p -- "$at"
tar -C "$CAIL_BUILD_DIR" --exclude='*.o' -cf - . | tar -C "$at" -xf -
failed=0
for ((round = 1; round <= rounds; round++)); do
    out=$CAIL_ARTIFACTS/results.$round.json
    (cd -- "$at" && "$LIT" -sv -j 1 -o "$out" "${subdirs[@]}") || failed=$?
    [[ -s $out ]] || die "lit ended with code $failed and no results"
    cp -- "$out" "$CAIL_RESULTS/"
    progress "$round" "$rounds" rounds
done
rm -rf -- "$at"
exit "$failed"
