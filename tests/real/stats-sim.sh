#!/bin/bash
# False alarms and power of the whole rule, beside other tools' rules, on simulated and recorded noise.
# CAIL_SIM_COMPARISONS changes how many comparisons of identical code there are.
set -euo pipefail
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
build=${CAIL_BUILD:-build}
cmake --build "$build" --target stats_sim >/dev/null 2>&1 || cmake --build "$build" --target stats_sim
exec "$build/bin/stats_sim" "${CAIL_SIM_COMPARISONS:-10000}"
