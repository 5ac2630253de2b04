# shellcheck shell=bash
# Reports and counts; a missing tool is a finding, never a failure.

checker=${CAIL_TOOLS:-$CAIL_RECIPES/../tools}/env_check.sh
[[ -r $checker ]] || die "there is no $checker"

report=$(mktemp -d -- "$CAIL_ATTEMPT_DIR/report.XXXXXX")
/bin/bash "$checker" --report "$report"
mv -- "$report/env.json" "$CAIL_ARTIFACTS/env.json"

while read -r name value; do
    better=lower
    case $name in
    tools_found | recipes_ready) better=higher ;;
    esac
    metric env-check "$name" "$value" count "$better" count
done <"$report/counts"
rm -r -- "$report"
