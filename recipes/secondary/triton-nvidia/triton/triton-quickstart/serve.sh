# shellcheck shell=bash
# Starts the server, says "::cail ready" when it answers, reads its metrics until it is told to stop, and
# stops it cleanly: requests under way are answered.
# shellcheck source=/dev/null
. "$CAIL_LIB/container.sh"

# port N WANTED: the parameter's, or with 0 the Nth the job leased; refused when taken.
port() {
    local -a leased
    local port=$2
    IFS=, read -ra leased <<<"${CAIL_PORTS-}"
    ((port > 0)) || port=${leased[$1]:-0}
    ((port > 0)) || refuse "the job leased no port for http_port, grpc_port or metrics_port = 0: --ports 3"
    ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null ||
        refuse "port $port is in use; choose another with -p http_port, grpc_port or metrics_port"
    printf '%s' "$port"
}

get() { curl -fsS --max-time 10 "http://127.0.0.1:$1"; }

# scrape: the newest metrics as an artifact, whole or not at all.
scrape() {
    local file="$CAIL_ARTIFACTS/metrics.txt"
    if get "$metrics_port/metrics" >"$file.new" 2>/dev/null; then
        mv -- "$file.new" "$file"
    else
        rm -f -- "$file.new"
    fi
}

# figures: what the last look at the metrics says of each model.
figures() {
    local file="$CAIL_ARTIFACTS/metrics.txt" model name value
    [[ -s $file ]] || return 0
    while read -r model name value; do
        case $name in
        success) metric triton requests "$value" requests neutral count "param.model=$model" ;;
        failure) metric triton failures "$value" requests lower count "param.model=$model" ;;
        queue) metric triton queue "$value" us lower time "param.model=$model" ;;
        compute) metric triton compute "$value" us lower time "param.model=$model" ;;
        esac
    done < <(awk '
        function model_of(s) { return match(s, /model="[^"]*"/) ? substr(s, RSTART + 7, RLENGTH - 8) : "" }
        /^nv_inference_request_success[{]/ { ok[model_of($0)] += $NF }
        /^nv_inference_request_failure[{]/ { bad[model_of($0)] += $NF }
        /^nv_inference_queue_duration_us[{]/ { queue[model_of($0)] += $NF }
        /^nv_inference_compute_infer_duration_us[{]/ { compute[model_of($0)] += $NF }
        END {
            for (m in ok) {
                printf "%s success %d\n%s failure %d\n", m, ok[m], m, bad[m]
                if (ok[m] > 0)
                    printf "%s queue %.3f\n%s compute %.3f\n", m, queue[m] / ok[m], m, compute[m] / ok[m]
            }
        }' "$file" | sort)
}

# watch_it: until the server ends. A background child, so that a signal ends the wait at once.
watch_it() {
    local began=$SECONDS
    until get "$http_port/v2/health/ready" >/dev/null 2>&1; do
        kill -0 "$CONTAINER_PID" 2>/dev/null || return 0
        if ((SECONDS - began >= $(param ready_s 300))); then
            warn "not ready after $(param ready_s 300) s"
            "$CONTAINER" stop -t 10 "$CONTAINER_NAME" >/dev/null 2>&1 || true
            return 0
        fi
        sleep 0.2
    done
    : >"$CAIL_ATTEMPT_DIR/was-ready"
    say "ready after $((SECONDS - began)) s: http 127.0.0.1:$http_port, grpc 127.0.0.1:$grpc_port," \
        "metrics 127.0.0.1:$metrics_port/metrics"
    say "::cail ready"
    while kill -0 "$CONTAINER_PID" 2>/dev/null; do
        scrape
        sleep "$(param scrape_s 15)"
    done
}

# stop_it: told to stop. The metrics of the last seconds first, while it still answers.
stop_it() {
    trap '' TERM INT
    scrape
    container_stop
}

container_find
image=$(param image)
container_image "$image" "$(param pull false)"
if (($(granted_cards) > 0)); then
    driver_fits "$image"
else
    say "no card was leased (--gpus 1 leases one): models run on the CPU"
fi
gpu_args
http_port=$(port 0 "$(param http_port 8000)")
grpc_port=$(port 1 "$(param grpc_port 8001)")
metrics_port=$(port 2 "$(param metrics_port 8002)")
models=$(param models)
models=${models:-$CAIL_RECIPE_DIR/models}
[[ -d $models ]] || refuse "models: there is no folder $models"
find "$models" -type f -printf '%P %s bytes\n' | sort | tee "$CAIL_ARTIFACTS/model_repository.txt"
[[ -s $CAIL_ARTIFACTS/model_repository.txt ]] || refuse "models: $models holds nothing"

IFS=' ' read -ra more <<<"$(param args)"
container_run "cail-triton-${CAIL_JOB_ID:-0}" ${GPU_ARGS[@]+"${GPU_ARGS[@]}"} --shm-size 1g \
    -p "127.0.0.1:$http_port:8000" -p "127.0.0.1:$grpc_port:8001" -p "127.0.0.1:$metrics_port:8002" \
    -v "$models:/models:ro" "$image" tritonserver --model-repository=/models \
    --exit-timeout-secs=8 ${more[@]+"${more[@]}"}
trap stop_it TERM INT
watch_it &
watcher=$!
code=0
container_wait || code=$?
kill "$watcher" 2>/dev/null || true
figures
[[ $STOPPED == false ]] || {
    say "stopped cleanly"
    exit 0
}
[[ -e $CAIL_ATTEMPT_DIR/was-ready ]] || die "the server ended with code $code before it was ready"
die "the server ended by itself with code $code"
