#!/usr/bin/env bash
# history.sh [FOLDER WITH cail-d]: how fast results come in and series go out, on a daemon of its own.
#   ingest   100,000 samples in one file: as one row, and as 20,000 rows of 5
#   series   2,000 runs of 20 samples: the answer of GET /results, with change points
# Prints one line each; asserts nothing.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
bin=${1:-$here/../build/bin}
state=$(mktemp -d)
"$bin/cail-d" --listen 127.0.0.1:0 --port-file "$state/port" --state-dir "$state/state" \
    --socket "$state/sock" --build-root "$state/builds" --recipes "$here/../recipes" \
    >"$state/log" 2>&1 &
daemon=$!
trap 'kill "$daemon"; wait "$daemon" || true; rm -rf -- "$state"' EXIT
for _ in {1..100}; do
    [[ -s $state/port ]] && break
    sleep 0.1
done
python3 "$here/history.py" "$(<"$state/port")"
du -sh "$state/state/cail.db" | awk '{ print "store                         " $1 }'
