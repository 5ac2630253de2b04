#!/bin/bash
# The campaign that tests/e2e runs a few rounds of, many more times: comparisons while the daemon, their
# supervisors, the disk and the cards fail at random points. CAIL_CAMPAIGN_ROUNDS and CAIL_CAMPAIGN_SEED
# change it.
set -euo pipefail
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
export CAIL_CAMPAIGN_ROUNDS=${CAIL_CAMPAIGN_ROUNDS:-50}
for seed in ${CAIL_CAMPAIGN_SEED:-1 2 3}; do
    echo "seed $seed, $CAIL_CAMPAIGN_ROUNDS rounds"
    CAIL_CAMPAIGN_SEED=$seed /usr/bin/python3 -m pytest -q -p no:cacheprovider \
        tests/e2e/test_comparison_campaign.py
done
