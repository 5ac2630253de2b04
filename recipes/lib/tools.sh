# shellcheck shell=bash
# Which tools are there and how new they are. Sourced by the steps of recipes and by
# tools/env_check.sh, which runs without the lab: so nothing here needs its environment.

# Tools whose command has another name than the package-neutral one recipes ask for.
tool_commands() {
    case $1 in
    lld) echo ld.lld ;;
    bazel) echo bazel bazelisk ;;
    *) echo "$1" ;;
    esac
}

# Folders outside PATH that have tools: our newest builds, then Debian's versioned toolchains, newest
# first.
tool_extra_dirs() {
    case $1 in
    mlir-* | FileCheck | opt | llvm-* | not | lit)
        printf '%s\n' "${CAIL_BUILD_ROOT:-${HOME:-}/.cail/builds}"/current/*/bin
        printf '%s\n' /usr/lib/llvm-*/bin | sort -rV ;;
    nvcc)
        # What the recipe or the daemon was told comes before what is usual.
        printf '%s\n' "${CAIL_PARAM_CUDA_HOME:-/nowhere}/bin" "${CUDA_HOME:-/nowhere}/bin"
        printf '%s\n' /usr/local/cuda/bin /usr/local/cuda-*/bin | sort -rV ;;
    nvidia-smi)
        printf '%s\n' /usr/local/nvidia/bin /usr/lib/wsl/lib ;;
    cargo | rustc | rustfmt | rustup | cargo-* | sccache)
        printf '%s\n' "${CARGO_HOME:-${HOME:-}/.cargo}/bin" ;;
    esac
}

# tool_path NAME: print the file it would run; 1 when there is none.
tool_path() {
    local name=$1 cmd dir
    for cmd in $(tool_commands "$name"); do
        type -P -- "$cmd" && return 0
    done
    while IFS= read -r dir; do
        if [[ -x $dir/$name && ! -d $dir/$name ]]; then
            printf '%s\n' "$dir/$name"
            return 0
        fi
    done < <(tool_extra_dirs "$name")
    return 1
}

# tool_version NAME PATH: print "12.2.0", or nothing when it does not say. A tool that hangs (a
# driver's, an rustup shim without network) is given up after 10 s.
tool_version() {
    local name=$1 path=$2 text
    case $name in
    gcc | g++) text=$(timeout 10 "$path" -dumpfullversion </dev/null 2>&1) || return 0 ;;
    nvidia-smi)
        text=$(timeout 10 "$path" --query-gpu=driver_version --format=csv,noheader \
            </dev/null 2>/dev/null) || return 0 ;;
    nvcc)
        text=$(timeout 10 "$path" --version </dev/null 2>&1) || return 0
        text=${text##*release} ;;
    *) text=$(timeout 10 "$path" --version </dev/null 2>&1) || return 0 ;;
    esac
    if [[ $text =~ [0-9]+(\.[0-9]+)+ || $text =~ [0-9]+ ]]; then
        printf '%s\n' "${BASH_REMATCH[0]}"
    fi
}

# version_ge A B: is A at least B, number by number ("1.11" > "1.9", "3.20" = "3.20.0")?
version_ge() {
    local -a a b
    local i x y
    IFS=. read -ra a <<<"$1"
    IFS=. read -ra b <<<"$2"
    for ((i = 0; i < ${#a[@]} || i < ${#b[@]}; i++)); do
        x=${a[i]:-0} y=${b[i]:-0}
        # 10#: a leading zero is not octal.
        ((10#$x > 10#$y)) && return 0
        ((10#$x < 10#$y)) && return 1
    done
    return 0
}
