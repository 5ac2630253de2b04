# shellcheck shell=bash
# Runs trtllm-bench on the leased cards. The requests are made here, from a fixed seed: each run, and each
# side of a comparison, is asked the same.
# shellcheck source=/dev/null
. "$CAIL_LIB/container.sh"

model=$(param model) model_path=$(param model_path) mode=$(param mode throughput) rounds=$(rounds 1)

# dataset FILE: one request a line, in the form trtllm-bench reads.
dataset() {
    python3 - "$(param requests 256)" "$(param input_tokens 512)" "$(param output_tokens 128)" >"$1" <<'PY'
import json, random, sys
requests, tokens_in, tokens_out = map(int, sys.argv[1:])
rng = random.Random(20260101)
for i in range(requests):
    # Below 30,000 and above what vocabularies keep for themselves.
    ids = [rng.randrange(1000, 30000) for _ in range(tokens_in)]
    print(json.dumps({"task_id": i, "input_ids": ids, "output_tokens": tokens_out}))
PY
}

# tool_find: TOOL, the command line of trtllm-bench: one side's own, the named one, PATH's, the image's.
tool_find() {
    local named
    named=$(param trtllm_bench)
    if [[ -n ${CAIL_BIN_DIR-} ]]; then
        program trtllm-bench
        TOOL=("$MEASURED")
    elif [[ -n $named ]]; then
        [[ -x $named ]] || refuse "trtllm_bench: there is no program at $named"
        TOOL=("$named")
    elif type -P trtllm-bench >/dev/null; then
        TOOL=(trtllm-bench)
    else
        container_find
        container_image "$(param image)" "$(param pull false)"
        driver_fits "$(param image)"
        gpu_args
        container_note "cail-trtllm-${CAIL_JOB_ID:-0}"
        TOOL=("$CONTAINER" run --rm --init --name "cail-trtllm-${CAIL_JOB_ID:-0}" "${GPU_ARGS[@]}"
            --label "cail.job=${CAIL_JOB_ID:-0}" ${CAIL_ATTEMPT_TOKEN:+--env CAIL_ATTEMPT_TOKEN} --ipc host --ulimit memlock=-1 --ulimit stack=67108864
            -v "$CAIL_ATTEMPT_DIR:$CAIL_ATTEMPT_DIR" -w "$CAIL_ATTEMPT_DIR"
            ${HF_HOME:+-v "$HF_HOME:$HF_HOME" -e HF_HOME} ${HF_HUB_OFFLINE:+-e HF_HUB_OFFLINE}
            ${model_path:+-v "$model_path:$model_path:ro"} "$(param image)" trtllm-bench)
        trap '"$CONTAINER" rm -f "cail-trtllm-${CAIL_JOB_ID:-0}" >/dev/null 2>&1 || true' EXIT
    fi
}

(($(granted_cards) > 0)) || refuse "no card was leased; ask for one: --gpus 1"
[[ -z $model_path || -d $model_path ]] || refuse "model_path: there is no folder $model_path"
tool_find
data=$CAIL_ATTEMPT_DIR/requests.jsonl
dataset "$data"
args=(--model "$model" ${model_path:+--model_path "$model_path"} "$mode" --dataset "$data"
    --backend "$(param backend pytorch)" --tp "$(granted_cards)")
if [[ $mode == throughput ]]; then
    [[ $(param streaming true) != true ]] || args+=(--streaming)
    (($(param concurrency 0) == 0)) || args+=(--concurrency "$(param concurrency 0)")
fi
for ((round = 1; round <= rounds; round++)); do
    report=$CAIL_ATTEMPT_DIR/report.$round.json
    "${TOOL[@]}" "${args[@]}" --report_json "$report" 2>&1 | tee "$CAIL_ARTIFACTS/bench.$round.txt"
    [[ -s $report ]] || die "trtllm-bench wrote no report"
    cp -- "$report" "$CAIL_ARTIFACTS/"
    mv -- "$report" "$CAIL_RESULTS/"
    progress "$round" "$rounds" rounds
done
rm -f -- "$data"
