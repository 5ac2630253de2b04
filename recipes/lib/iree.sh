# shellcheck shell=bash
# How the recipes of IREE fetch, configure and build it.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/build.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/submodule.sh"

# What each variant needs: flatcc always, benchmark for the benchmark programs, googletest since the
# programs are configured among the tests. The others of build_tools' list are for drivers left out.
IREE_RUNTIME_SUBMODULES=(third_party/flatcc third_party/benchmark third_party/googletest)
IREE_COMPILER_SUBMODULES=(third_party/llvm-project third_party/stablehlo third_party/torch-mlir)

# iree_options: CMAKE, and cmake's arguments that decide the content of the build, in IREE_OPTIONS.
iree_options() {
    local compiler=OFF
    CMAKE=${CAIL_PARAM_CMAKE:-${CMAKE:-cmake}}
    [[ $(param variant runtime) != compiler ]] || compiler=ON
    IREE_OPTIONS=(
        "-DCMAKE_BUILD_TYPE=$(param build_type Release)"
        "-DIREE_ENABLE_ASSERTIONS=$([[ $(param assertions false) == true ]] && echo ON || echo OFF)"
        "-DIREE_BUILD_COMPILER=$compiler"
        "-DCMAKE_C_COMPILER=$BUILD_CC"
        "-DCMAKE_CXX_COMPILER=$BUILD_CXX"
        "-DIREE_ENABLE_LLD=$BUILD_LLD"
        # The benchmark programs are made where tests are; of the tests those that are asked for are built.
        -DIREE_BUILD_TESTS=ON
        -DIREE_BUILD_SAMPLES=OFF
        -DIREE_BUILD_BINDINGS_TFLITE=OFF
        -DIREE_HAL_DRIVER_DEFAULTS=OFF
        -DIREE_HAL_DRIVER_LOCAL_SYNC=ON
        -DIREE_HAL_DRIVER_LOCAL_TASK=ON
        # It would be fetched by cmake, at whatever is newest.
        -DIREE_ENABLE_LIBBACKTRACE=OFF
        # Only those of the variant are here.
        -DIREE_ERROR_ON_MISSING_SUBMODULES=OFF
    )
    [[ $compiler == OFF ]] || IREE_OPTIONS+=(-DIREE_TARGET_BACKEND_DEFAULTS=OFF
        -DIREE_TARGET_BACKEND_LLVM_CPU=ON -DIREE_INPUT_TORCH=OFF)
}

# iree_source REF: SRC_DIR with the submodules of the variant in it.
iree_source() {
    source_get iree "$1"
    say "iree: ${SRC_REF:-HEAD} is $SRC_SHA"
    submodules_get iree "${IREE_RUNTIME_SUBMODULES[@]}"
    [[ $(param variant runtime) != compiler ]] || submodules_get iree "${IREE_COMPILER_SUBMODULES[@]}"
}

iree_configure() {
    local maps
    ccache_begin
    source_link "$SRC_DIR"
    maps="$(prefix_maps "$CAIL_BUILD_DIR/source" iree) -ffile-prefix-map=$SRC_DIR/=iree/"
    say "configuring $CAIL_BUILD_DIR with $BUILD_CXX, lld $BUILD_LLD, ccache ${CCACHE:-none}," \
        "$BUILD_JOBS compilers and $BUILD_LINKS linkers at a time"
    "$CMAKE" -G Ninja -S "$CAIL_BUILD_DIR/source" -B "$CAIL_BUILD_DIR" "${IREE_OPTIONS[@]}" \
        ${BUILD_LAUNCHER[@]+"${BUILD_LAUNCHER[@]}"} \
        "-DCMAKE_C_FLAGS=$maps" "-DCMAKE_CXX_FLAGS=$maps" \
        "-DCMAKE_JOB_POOLS=link=$BUILD_LINKS" -DCMAKE_JOB_POOL_LINK=link
}

# iree_tools: the programs of the variant.
iree_tools() {
    printf '%s\n' iree-run-module iree-benchmark-module
    [[ $(param variant runtime) != compiler ]] || printf '%s\n' iree-compile iree-opt
}
