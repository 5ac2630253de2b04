#!/bin/bash
# The campaigns that tests/e2e runs a few rounds of, many more times: cail-d and its supervisors
# killed at random points, starts raced by restarts. CAIL_KILL_ROUNDS and CAIL_KILL_SEED change it.
set -euo pipefail
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
export CAIL_KILL_ROUNDS=${CAIL_KILL_ROUNDS:-200}
for seed in ${CAIL_KILL_SEED:-1 2 3}; do
    echo "seed $seed, $CAIL_KILL_ROUNDS rounds"
    CAIL_KILL_SEED=$seed /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/e2e/test_crash.py \
        tests/e2e/test_races.py
done
