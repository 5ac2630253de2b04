#!/bin/bash
# The two-sample statistics against scipy, R's own wilcox.test, exactRankTests and coin, over 10,000
# seeded random inputs, and against every sign pattern and choice where those can be counted.
set -euo pipefail
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
packages='python3-scipy r-base-core r-cran-exactranktests r-cran-coin r-cran-diptest'
if ! /usr/bin/python3 -c 'import scipy' 2>/dev/null ||
    ! Rscript -e 'library(exactRankTests); library(coin); library(diptest)' >/dev/null 2>&1; then
    echo "stats-cross: needs what these packages hold: $packages" >&2
    exit 1
fi
build=${CAIL_BUILD:-build}
cmake --build "$build" --target stats_cli >/dev/null 2>&1 || cmake --build "$build" --target stats_cli
exec /usr/bin/python3 tests/real/stats_cross.py "$build/bin/stats_cli"
