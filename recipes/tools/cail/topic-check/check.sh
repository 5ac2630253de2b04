# shellcheck shell=bash
# The rules are data; check.py reads them. Its exit code: 0 all passed or could not be looked at, 1
# something failed.
rules=$CAIL_RECIPES/upstreams/$(param upstream).json
[[ -f $rules ]] || refuse "there are no rules for the upstream '$(param upstream)'"
git_settle_env
code=0
python3 "$CAIL_RECIPE_DIR/check.py" "$rules" "$(param worktree)" "$(param base)" "$(param title)" \
    "$CAIL_ARTIFACTS/check.json" || code=$?
exit "$code"
