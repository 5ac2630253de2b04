# shellcheck shell=bash
# cargo and its friends, wherever rustup or the distribution put them.

# rust_find: PATH with cargo first. A tree's rust-toolchain file would make rustup download what it
# names, so the toolchain is the parameter's, else rustup's default.
rust_find() {
    local cargo chosen
    cargo=$(tool_path cargo) || refuse "no cargo here (Debian package: cargo, or rustup)"
    export PATH=${cargo%/*}:$PATH
    if type -P rustup >/dev/null; then
        chosen=$(param toolchain)
        if [[ -n $chosen ]]; then
            rustup toolchain list 2>/dev/null | grep -q "^$chosen" ||
                refuse "rustup has no toolchain $chosen here: rustup toolchain install $chosen"
        else
            chosen=$(rustup default 2>/dev/null | awk '{ print $1 }')
        fi
        export RUSTUP_TOOLCHAIN=$chosen
    elif [[ -n $(param toolchain) ]]; then
        refuse "toolchain=$(param toolchain) needs rustup; the cargo here is $cargo"
    fi
    export CARGO_TERM_PROGRESS_WHEN=never CARGO_TERM_COLOR=never
    say "rust: $(rustc --version), $(cargo --version)"
}

# rust_key: the lines of cache-key that tell with what it is built.
rust_key() {
    printf 'rustc %s\n' "$(rustc -vV | paste -sd' ')"
    printf 'script rust %s\n' "$(sha256sum <"$CAIL_LIB/rust.sh")"
}

# rust_vendor FOLDER: crates come from a folder of sources (cargo vendor's, or Debian's
# /usr/share/cargo/registry) and from nowhere else.
rust_vendor() {
    [[ -d $1 ]] || refuse "vendor: there is no folder $1"
    mkdir -p -- .cargo
    printf '[source.crates-io]\nreplace-with = "here"\n[source.here]\ndirectory = "%s"\n[net]\noffline = true\n' \
        "$1" >.cargo/config.toml
}

# cargo_said FILE: why cargo failed, in one line: its error, and the last of the causes.
cargo_said() {
    grep -a '^error' "$1" | sed -n '1s/^error: //p'
    grep -aA1 'Caused by:' "$1" | grep -avE 'Caused by:|^--' | sed -n '$s/^ */: /p' || true
}

# cargo_try ARG...: cargo, whose standard output stays it; what it cannot have here (crates without a network) is a refusal and says so.
cargo_try() {
    local file="$CAIL_ATTEMPT_DIR/cargo-said" code=0
    { cargo "$@" 2>&1 >&3 | tee "$file" >&2; } 3>&1 || code=$?
    if ((code != 0)); then
        if grep -aqE 'failed to (download|get|fetch|query|update registry)|Unable to update|no matching package|failed to select a version|spurious network error|attempting to make an HTTP request' "$file"; then
            refuse "cargo cannot have the crates it needs here: $(cargo_said "$file" |
                tr -d '\n' | cut -c 1-300)"
        fi
        return "$code"
    fi
    rm -f -- "$file"
}
