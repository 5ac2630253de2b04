# shellcheck shell=bash
# Containers by docker or podman, for the recipes whose upstream ships images. What is not there is said
# plainly and nothing was started.

# container_find [docker]: CONTAINER, the command that works here.
# shellcheck disable=SC2034 # for the steps
container_find() {
    local tool said form why=''
    for tool in ${1:-docker podman}; do
        type -P "$tool" >/dev/null || continue
        form='{{.ServerVersion}}'
        [[ $tool == docker ]] || form='{{.Version.Version}}'
        if said=$(timeout 30 "$tool" info --format "$form" 2>&1 </dev/null); then
            CONTAINER=$tool
            say "containers: $tool $said"
            return 0
        fi
        why+="; $tool says: $(grep -v '^$' <<<"$said" | tail -n 1)"
    done
    [[ -n $why ]] || refuse "no container tool here: install docker (Debian package docker.io)" \
        "$([[ ${1-} == docker ]] || echo 'or podman')"
    refuse "no container tool works here$why"
}

# container_image IMAGE PULL: it is here, or may be pulled. Its digest, for the record, in IMAGE_ID.
# shellcheck disable=SC2034 # for the steps
container_image() {
    local said
    if ! "$CONTAINER" image inspect "$1" >/dev/null 2>&1; then
        [[ $2 == true ]] || refuse "the image $1 is not on this machine: $CONTAINER pull $1" \
            "(gigabytes), or -p pull=true"
        say "pulling $1"
        said=$("$CONTAINER" pull "$1" 2>&1) ||
            refuse "$CONTAINER cannot pull $1: $(tail -n 1 <<<"$said")"
    fi
    IMAGE_ID=$("$CONTAINER" image inspect --format '{{.Id}}' "$1")
    say "image: $1, $IMAGE_ID"
}

# image_env IMAGE NAME: a variable that the image sets.
image_env() {
    "$CONTAINER" image inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$1" |
        sed -n "s/^$2=//p" | sed -n 1p
}

# driver_for_cuda MAJOR: the oldest driver branch that runs programs of this CUDA (NVIDIA's table of
# minor version compatibility); nothing for one we do not know.
driver_for_cuda() {
    case $1 in
    11) echo 450 ;;
    12) echo 525 ;;
    13) echo 580 ;;
    esac
}

# driver_fits IMAGE: does this machine's driver run the image's CUDA? Refuses with both versions. Older
# drivers pass when the image's NVIDIA_REQUIRE_CUDA lists their branch (forward compatibility of
# data centre cards).
driver_fits() {
    local smi driver branch cuda need require
    smi=$(tool_path nvidia-smi) || refuse "no nvidia-smi: there is no NVIDIA driver here"
    driver=$(timeout 30 "$smi" --query-gpu=driver_version --format=csv,noheader </dev/null 2>&1 |
        sed -n 1p || true)
    branch=${driver%%.*}
    [[ $branch =~ ^[0-9]+$ ]] || refuse "nvidia-smi tells no driver version: $driver"
    cuda=$(image_env "$1" CUDA_VERSION)
    if [[ ! $cuda =~ ^[0-9]+ ]]; then
        warn "the image $1 does not tell its CUDA version; the driver is $driver"
        return 0
    fi
    need=$(driver_for_cuda "${cuda%%.*}")
    say "driver $driver, CUDA of the image $cuda"
    [[ -n $need ]] || {
        warn "no driver is known for CUDA $cuda"
        return 0
    }
    ((branch < need)) || return 0
    require=$(image_env "$1" NVIDIA_REQUIRE_CUDA)
    [[ $require =~ driver\>=$branch(,|$|\ ) ]] ||
        refuse "the image $1 has CUDA $cuda, which needs driver $need or newer; this machine has $driver." \
            "Take an older image, or update the driver"
    say "driver $branch is older than $need; the image lists it for data centre cards"
}

# gpu_args: GPU_ARGS, the arguments that give a container the cards this job leased and no others.
# shellcheck disable=SC2034 # for the steps
gpu_args() {
    GPU_ARGS=()
    (($(granted_cards) > 0)) || return 0
    case $CONTAINER in
    docker) GPU_ARGS=(--gpus "\"device=$CAIL_GPU_UUIDS\"") ;;
    podman)
        local uuid
        for uuid in ${CAIL_GPU_UUIDS//,/ }; do
            GPU_ARGS+=(--device "nvidia.com/gpu=$uuid")
        done
        ;;
    esac
}
granted_cards() {
    local -a uuids
    IFS=, read -ra uuids <<<"${CAIL_GPU_UUIDS-}"
    printf '%s' "${#uuids[@]}"
}

# container_note NAME: before its start: whatever becomes of this step, cail removes the container.
container_note() {
    [[ -d ${CAIL_ATTEMPT_DIR-} ]] || return 0
    printf '%s %s\n' "$(type -P "$CONTAINER")" "$1" >>"$CAIL_ATTEMPT_DIR/containers"
}

# container_run NAME ARG...: in the foreground, removed at its end, stopped when this step is told to
# stop. What an earlier attempt of this job left under the name is removed first.
CONTAINER_NAME='' CONTAINER_PID=''
container_run() {
    CONTAINER_NAME=$1
    shift
    "$CONTAINER" rm -f "$CONTAINER_NAME" >/dev/null 2>&1 || true
    container_note "$CONTAINER_NAME"
    "$CONTAINER" run --rm --init --name "$CONTAINER_NAME" --label "cail.job=${CAIL_JOB_ID:-0}" \
        --label "cail.attempt=${CAIL_ATTEMPT:-0}" \
        ${CAIL_ATTEMPT_TOKEN:+--label "cail.token=$CAIL_ATTEMPT_TOKEN" --env CAIL_ATTEMPT_TOKEN} "$@" &
    CONTAINER_PID=$!
    trap container_stop TERM INT
}
# container_stop: asked to, it gets 10 s; then it is killed.
container_stop() {
    trap '' TERM INT
    say "stopping $CONTAINER_NAME"
    "$CONTAINER" stop -t 10 "$CONTAINER_NAME" >/dev/null 2>&1 || true
    wait "$CONTAINER_PID" 2>/dev/null || true
    trap - TERM INT
    STOPPED=true
}
STOPPED=false
container_wait() {
    local code=0
    # A signal ends the first wait; the trap has then stopped the container.
    wait "$CONTAINER_PID" || code=$?
    [[ $STOPPED == false ]] || return 0
    return "$code"
}
