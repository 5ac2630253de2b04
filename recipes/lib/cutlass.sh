# shellcheck shell=bash
# Which kernels of CUTLASS are built, and for what. Source after archive.sh and cuda.sh.

# cutlass_archs: CUTLASS_ARCHS, "90a" or "80;90a": those of CUDA_ARCHS; from Hopper on the kernels are in
# the architecture's own set ("a").
cutlass_archs() {
    local arch
    CUTLASS_ARCHS=''
    for arch in $CUDA_ARCHS; do
        if [[ $arch =~ ^[0-9]+$ ]] && ((arch >= 90)); then
            arch+=a
        fi
        CUTLASS_ARCHS+=${CUTLASS_ARCHS:+;}$arch
    done
}

# cutlass_filter: CUTLASS_FILTER, the kernels asked for, else one large bf16 GEMM of the first architecture.
# shellcheck disable=SC2034 # for the steps
cutlass_filter() {
    CUTLASS_FILTER=$(param kernels)
    [[ -z $CUTLASS_FILTER ]] || return 0
    case ${CUTLASS_ARCHS%%;*} in
    8*) CUTLASS_FILTER=cutlass_tensorop_bf16_s16816gemm_bf16_128x128_64x4_tn_align8 ;;
    90*)
        CUTLASS_FILTER=cutlass3x_sm90_tensorop_gemm_bf16_bf16_f32_bf16_bf16_128x256x64_2x1x1_0_tnn_align8
        CUTLASS_FILTER+=_warpspecialized_cooperative_epi_tma
        ;;
    *) refuse "no kernel is chosen for sm_${CUTLASS_ARCHS%%;*}; name some: -p kernels=FILTER" ;;
    esac
}

# cutlass_generate DIR CUDA: run upstream's generator for the filter; the names it chose in DIR/kernels.txt.
cutlass_generate() {
    rm -rf -- "$1"
    mkdir -p -- "$1"
    (cd -- "$SRC_DIR/python" && PYTHONDONTWRITEBYTECODE=1 python3 -m cutlass_library.generator \
        --operations "$(param operations gemm)" --architectures "$CUTLASS_ARCHS" \
        --kernels "$CUTLASS_FILTER" --cuda-version "$2" --build-dir "$1" --curr-build-dir "$1" \
        --selected-kernel-list "$1/kernels.txt") >"$1/log" 2>&1 || {
        tail -n 20 -- "$1/log" >&2
        die "CUTLASS's generator failed"
    }
    [[ -s $1/kernels.txt ]] || refuse "no kernel of sm_$CUTLASS_ARCHS matches" \
        "'$CUTLASS_FILTER'; names are in CUTLASS's media/docs and in the list of kernels=all"
}
