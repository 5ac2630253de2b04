# shellcheck shell=bash
# Runs perf_analyzer against a server that is ready; nothing is started here. The table it prints is kept,
# its CSV is the result.
# shellcheck source=/dev/null
. "$CAIL_LIB/container.sh"

host=$(param host 127.0.0.1) model=$(param model scale) protocol=$(param protocol grpc)
http_port=$(param http_port 8000) grpc_port=$(param grpc_port 8001)
metrics_port=$(param metrics_port 8002) rounds=$(rounds 1)

# tool_find: TOOL, the command line of perf_analyzer: one side's own, the named one, PATH's, the image's.
tool_find() {
    local named
    named=$(param perf_analyzer)
    if [[ -n ${CAIL_BIN_DIR-} ]]; then
        program perf_analyzer
        TOOL=("$MEASURED")
    elif [[ -n $named ]]; then
        [[ -x $named ]] || refuse "perf_analyzer: there is no program at $named"
        TOOL=("$named")
    elif type -P perf_analyzer >/dev/null; then
        TOOL=(perf_analyzer)
    else
        container_find
        container_image "$(param image)" "$(param pull false)"
        TOOL=("$CONTAINER" run --rm --init --network host --name "cail-perf-analyzer-${CAIL_JOB_ID:-0}"
            --label "cail.job=${CAIL_JOB_ID:-0}" -v "$CAIL_ATTEMPT_DIR:$CAIL_ATTEMPT_DIR"
            -w "$CAIL_ATTEMPT_DIR" "$(param image)" perf_analyzer)
        trap '"$CONTAINER" rm -f "cail-perf-analyzer-${CAIL_JOB_ID:-0}" >/dev/null 2>&1 || true' EXIT
    fi
}

# server_check: it answers and has the model, before a load is made.
server_check() {
    local code
    code=$(curl -s -o /dev/null -w '%{http_code}' --max-time 10 "http://$host:$http_port/v2/health/ready" ||
        true)
    [[ $code == 200 ]] || refuse "no server is ready at $host:$http_port (answer $code);" \
        "start one: cail run triton-quickstart"
    code=$(curl -s -o /dev/null -w '%{http_code}' --max-time 10 \
        "http://$host:$http_port/v2/models/$model/ready" || true)
    [[ $code == 200 ]] || refuse "the server at $host:$http_port has no model '$model' that is ready"
}

tool_find
server_check
url=$host:$grpc_port
[[ $protocol == grpc ]] || url=$host:$http_port
args=(-m "$model" -u "$url" -i "$protocol" -b "$(param batch 1)"
    --concurrency-range "$(param concurrency 1:4:1)" --measurement-interval "$(param window_ms 5000)"
    --stability-percentage "$(param stability 10)")
((metrics_port == 0)) || args+=(--collect-metrics --metrics-url "$host:$metrics_port/metrics")
for ((round = 1; round <= rounds; round++)); do
    csv=$CAIL_ATTEMPT_DIR/perf.$round.csv
    "${TOOL[@]}" "${args[@]}" -f "$csv" --verbose-csv 2>&1 | tee "$CAIL_ARTIFACTS/perf.$round.txt"
    [[ -s $csv ]] || die "perf_analyzer wrote no figures; it found no stable window (stability, window_ms)"
    cp -- "$csv" "$CAIL_ARTIFACTS/"
    mv -- "$csv" "$CAIL_RESULTS/"
    progress "$round" "$rounds" rounds
done
