# shellcheck shell=bash
# Runs each benchmark program, `rounds` times, each time as a process of its own in a folder of its own.

seconds=$(param seconds 3) filter=$(param filter) rounds=$(rounds 3)

# criterion_rows FOLDER: each benchmark's samples as rows of the plain format, ns an iteration.
criterion_rows() {
    python3 - "$1" "$seconds" <<'PY'
import json, pathlib, sys
for new in sorted(pathlib.Path(sys.argv[1]).glob("**/new")):
    bench = json.loads((new / "benchmark.json").read_text())
    sample = json.loads((new / "sample.json").read_text())
    each = [t / i for t, i in zip(sample["times"], sample["iters"])]
    print(json.dumps({"benchmark": bench["full_id"], "name": "time", "unit": "ns", "samples": each,
                      "better": "lower", "metric_kind": "time"}))
PY
}

# measure NAME ROUND
measure() {
    local name=$1 at="$CAIL_ATTEMPT_DIR/$1.$2" harness
    harness=$(<"$CAIL_BUILD_DIR/bench/$name.harness")
    mkdir -p -- "$at"
    case $harness in
    demo) (cd -- "$at" && "$MEASURED" "$seconds") | tee "$CAIL_RESULTS/$name.$2.jsonl" ;;
    bencher)
        (cd -- "$at" && "$MEASURED" --bench ${filter:+"$filter"}) | tee "$CAIL_RESULTS/$name.$2.txt"
        cp -- "$CAIL_RESULTS/$name.$2.txt" "$CAIL_ARTIFACTS/"
        ;;
    *)
        (cd -- "$at" && CRITERION_HOME=$at/criterion "$MEASURED" --bench --noplot \
            --warm-up-time 1 --measurement-time "$seconds" ${filter:+"$filter"}) | tee "$CAIL_ARTIFACTS/$name.$2.txt"
        criterion_rows "$at" >"$CAIL_RESULTS/$name.$2.jsonl"
        [[ -s $CAIL_RESULTS/$name.$2.jsonl ]] || refuse "$name has no benchmark that holds '$filter'"
        ;;
    esac
    rm -rf -- "$at"
}

IFS=, read -ra names <<<"$(param benches sync_mpsc)"
for ((round = 1; round <= rounds; round++)); do
    for i in "${!names[@]}"; do
        program "${names[i]}" "$CAIL_BUILD_DIR/bench" || die "$MEASURED was not built"
        measure "${names[i]}" "$round"
        progress "$(((round - 1) * ${#names[@]} + i + 1))" "$((rounds * ${#names[@]}))" "${names[i]}"
    done
done
