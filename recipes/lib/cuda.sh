# shellcheck shell=bash
# Where CUDA and NCCL are, and for which cards to build. A recipe's version covers its own folder
# only, so cuda_key puts this file's digest among the things a build depends on.
# shellcheck source=/dev/null
. "$CAIL_LIB/build.sh"

# lib_dir NAME DIR...: the first folder that has NAME.so or NAME.so.*.
lib_dir() {
    local name=$1 dir
    shift
    for dir; do
        if compgen -G "$dir/$name.so*" >/dev/null; then
            printf '%s' "$dir"
            return 0
        fi
    done
    return 1
}

# cuda_find: CUDA_DIR with bin/nvcc, and CUDA_LIBS, where its runtime is.
# shellcheck disable=SC2034 # for the steps
cuda_find() {
    local nvcc
    CUDA_DIR=$(param cuda_home)
    [[ -n $CUDA_DIR ]] || CUDA_DIR=${CUDA_HOME-}
    if [[ -z $CUDA_DIR ]]; then
        nvcc=$(tool_path nvcc) || refuse "no nvcc in PATH nor in /usr/local/cuda; name its folder:" \
            "-p cuda_home=/path, or install the Debian package nvidia-cuda-toolkit"
        # It may be a script that runs another: it tells where its own things are.
        CUDA_DIR=$("$nvcc" --dryrun -x cu -c /dev/null -o /dev/null 2>&1 |
            sed -n 's/^#\$ TOP=//p' | sed -n 1p)
        CUDA_DIR=$(readlink -e -- "${CUDA_DIR:-"${nvcc%/*}/.."}") || refuse "$nvcc has no folder"
    fi
    [[ -x $CUDA_DIR/bin/nvcc ]] || refuse "cuda_home: there is no bin/nvcc in $CUDA_DIR"
    CUDA_LIBS=$(lib_dir libcudart "$CUDA_DIR"/{lib64,lib,targets/*/lib,lib/*-linux-gnu}) ||
        refuse "the CUDA folder $CUDA_DIR has no libcudart"
    say "CUDA: $CUDA_DIR, $("$CUDA_DIR/bin/nvcc" --version | sed -n 's/^Cuda compil.*, //p')"
}

# pip_nccl: the folder of pip's NCCL, for each python3 of PATH.
pip_nccl() {
    local python
    while IFS= read -r python; do
        "$python" -c 'import importlib.util as u
spec = u.find_spec("nvidia.nccl")
print(*(spec.submodule_search_locations if spec else ()), sep="\n")' 2>/dev/null || true
    done < <(type -aP python3)
}

# nccl_find: NCCL_INCLUDE with nccl.h, NCCL_LIBS with the library, NCCL_VERSION. After cuda_find.
# shellcheck disable=SC2034 # for the steps
nccl_find() {
    local dir wanted
    local -a places=()
    wanted=$(param nccl_home)
    if [[ -n $(param nccl_ref) ]]; then
        use_dir nccl-build
        wanted=$USE_DIR
    fi
    [[ -n $wanted ]] || wanted=${NCCL_HOME-}
    if [[ -n $wanted ]]; then
        places=("$wanted")
    else
        mapfile -t places < <(printf '%s\n' "$CUDA_DIR" /usr/local/cuda /usr/local /usr && pip_nccl)
    fi
    for dir in "${places[@]}"; do
        [[ -f $dir/include/nccl.h ]] || continue
        NCCL_LIBS=$(lib_dir libnccl "$dir"/{lib64,lib,targets/*/lib,lib/*-linux-gnu}) || continue
        NCCL_INCLUDE=$dir/include
        NCCL_VERSION=$(awk '$1 == "#define" && $2 ~ /^NCCL_(MAJOR|MINOR|PATCH)$/ { v = v s $3; s = "." }
            END { print v }' "$NCCL_INCLUDE/nccl.h")
        say "NCCL: $NCCL_VERSION in $dir"
        return
    done
    refuse "no NCCL with headers in ${places[*]}; name its folder: -p nccl_home=/path, or install" \
        "the Debian package libnccl-dev, or pip's nvidia-nccl"
}

# cuda_archs: CUDA_ARCHS, "90" or "80 90": the parameter's, else what this machine's cards are.
cuda_archs() {
    local smi said
    CUDA_ARCHS=$(param arch)
    [[ -z $CUDA_ARCHS ]] || return 0
    smi=$(tool_path nvidia-smi) ||
        refuse "no nvidia-smi tells what card this is; name the architecture: -p arch=90"
    said=$(timeout 30 "$smi" --query-gpu=compute_cap --format=csv,noheader </dev/null 2>&1) ||
        refuse "nvidia-smi does not tell what card this is (${said%%$'\n'*}); name it: -p arch=90"
    CUDA_ARCHS=$(grep -E '^[0-9]+\.[0-9]+$' <<<"${said// /}" | tr -d . | sort -nu | paste -sd' ')
    [[ -n $CUDA_ARCHS ]] || refuse "nvidia-smi tells no compute capability: ${said%%$'\n'*}"
}

# gencodes ARCH...: nvcc's arguments, machine code for these and no other.
gencodes() {
    local arch
    local -a all=()
    for arch; do
        all+=("-gencode=arch=compute_$arch,code=sm_$arch")
    done
    printf '%s' "${all[*]}"
}

# link_libs DIR NAME FROM: links in DIR to every NAME.so* of FROM, and NAME.so, which pip's packages
# leave out.
link_libs() {
    local file
    mkdir -p -- "$1"
    for file in "$3/$2".so*; do
        ln -sfn -- "$file" "$1/${file##*/}"
    done
    [[ -e $1/$2.so ]] || ln -sfn -- "$file" "$1/$2.so"
}

# driver_libs: the folder of libcuda.so.1 where the linker's own paths do not have it; else nothing.
driver_libs() {
    local list
    list=$( (PATH=$PATH:/sbin:/usr/sbin && ldconfig -p) 2>/dev/null || true)
    [[ $list != *libcuda.so.1* ]] || return 0
    lib_dir libcuda /usr/local/nvidia/lib64 /usr/lib/wsl/lib /usr/lib64-nvidia || true
}

# cuda_env DIR...: LD_LIBRARY_PATH for a program of ours: these folders, then the driver's.
cuda_env() {
    local IFS=: driver
    driver=$(driver_libs)
    export LD_LIBRARY_PATH="$*${driver:+:$driver}"
}

# cuda_key: the lines of cache-key that all builds with nvcc share.
cuda_key() {
    printf 'sha %s\n' "$SRC_SHA"
    printf 'nvcc %s: %s\n' "$CUDA_DIR" "$("$CUDA_DIR/bin/nvcc" --version | sed -n '$p')"
    printf 'compiler %s\n' "$(g++ --version | sed -n 1p)"
    printf 'script %s\n' "$(sha256sum <"$CAIL_LIB/cuda.sh")"
}

# granted_gpus: how many cards the job leased.
granted_gpus() {
    local -a uuids
    IFS=, read -ra uuids <<<"${CAIL_GPU_UUIDS-}"
    printf '%s' "${#uuids[@]}"
}
