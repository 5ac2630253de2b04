# shellcheck shell=bash
# The profiler in $CAIL_BUILD_DIR/bin, or the generated sources in $CAIL_BUILD_DIR/generated. Holds no card.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/cutlass.sh"

configure() {
    # One unit for all reference kernels, as upstream's advice (unity) has it, is one compiler for an hour.
    cmake -G Ninja -S "$CAIL_BUILD_DIR/source" -B "$CAIL_BUILD_DIR" -DCMAKE_BUILD_TYPE=Release \
        "-DCMAKE_CUDA_COMPILER=$CUDA_DIR/bin/nvcc" "-DCUTLASS_NVCC_ARCHS=$CUTLASS_ARCHS" \
        "-DCUTLASS_LIBRARY_OPERATIONS=$(param operations gemm)" \
        "-DCUTLASS_LIBRARY_KERNELS=$CUTLASS_FILTER" -DCUTLASS_UNITY_BUILD_ENABLED=OFF \
        "-DCUTLASS_PROFILER_DISABLE_REFERENCE=$([[ $(param reference false) == true ]] && echo OFF || echo ON)" \
        -DCUTLASS_ENABLE_TESTS=OFF -DCUTLASS_ENABLE_EXAMPLES=OFF \
        -DCUTLASS_ENABLE_SELF_CONTAINED_INCLUDES_CHECK=OFF \
        ${BUILD_LAUNCHER[@]+"${BUILD_LAUNCHER[@]}"} \
        ${CCACHE:+"-DCMAKE_CUDA_COMPILER_LAUNCHER=$CCACHE"} \
        "-DCMAKE_JOB_POOLS=link=$BUILD_LINKS" -DCMAKE_JOB_POOL_LINK=link
}

build_root_open
source_kept
{ read -r CUTLASS_ARCHS && read -r CUTLASS_FILTER; } <"$CAIL_JOB_DIR/kernels"
if [[ $(param what profiler) == generator ]]; then
    rm -rf -- "$CAIL_BUILD_DIR/generated"
    cp -a -- "$CAIL_JOB_DIR/generated" "$CAIL_BUILD_DIR/generated"
    metric cutlass-build files "$(find "$CAIL_BUILD_DIR/generated" -name '*.cu' | wc -l)" files neutral exact
    exit 0
fi
cuda_find
# A unit with kernels takes up to 3 GiB.
build_jobs 2048 3072
ccache_begin
began=$(now_us)
build_fresh CMakeCache.txt
source_link "$SRC_DIR"
configure
ninja -C "$CAIL_BUILD_DIR" -j "$BUILD_JOBS" cutlass_profiler
mkdir -p -- "$CAIL_BUILD_DIR/bin" "$CAIL_BUILD_DIR/lib"
ln -sfn -- ../tools/profiler/cutlass_profiler "$CAIL_BUILD_DIR/bin/cutlass_profiler"
link_libs "$CAIL_BUILD_DIR/lib" libcudart "$CUDA_LIBS"
cp -- "$CAIL_BUILD_DIR/.ninja_log" "$CAIL_ARTIFACTS/ninja_log"
cp -- "$CAIL_JOB_DIR/generated/kernels.txt" "$CAIL_BUILD_DIR/kernels.txt"
ccache_report cutlass-build
took=$(($(now_us) - began))
[[ $BUILD_FRESH != true ]] || metric cutlass-build wall "$(us_to s "$took")" s lower time \
    "param.ccache=$([[ -n $CCACHE ]] && echo on || echo off)"
link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/cutlass-build"
say "built in $(us_to s "$took") s: $CAIL_BUILD_DIR/bin/cutlass_profiler"
