# shellcheck shell=bash
# A daemon of a real script's own, which ends with the script and takes its folder along; nothing of
# yours is touched. The script sources this, then calls real_daemon. REAL_KEEP=FOLDER: its store and logs
# stay there, to be looked at.
real_pid=
work=$(mktemp -d /tmp/cail-real.XXXXXX)
# shellcheck disable=SC2317 # the trap calls it
real_end() {
    [[ ! $real_pid ]] || { kill "$real_pid" && wait "$real_pid"; } 2>/dev/null || true
    [[ ! ${REAL_KEEP:-} ]] || mv "$work/state" "$REAL_KEEP"
    rm -rf "$work"
}
trap real_end EXIT

# real_daemon BIN HOME ARG...: started, and CAIL_URL is where it listens.
real_daemon() {
    env -u XDG_RUNTIME_DIR HOME="$2" "$1/cail-d" --listen 127.0.0.1:0 --port-file "$work/port" \
        --state-dir "$work/state" --build-root "$work/builds" "${@:3}" 2>"$work/log" &
    real_pid=$!
    until [[ -s $work/port ]]; do
        kill -0 "$real_pid" || { cat "$work/log" && exit 1; }
        sleep 0.1
    done
    CAIL_URL=http://127.0.0.1:$(<"$work/port")
    export CAIL_URL
}
