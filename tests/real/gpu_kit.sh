#!/bin/bash
# Packs what tests/real/gpu_one.sh, gpu_two.sh, gpu_compare.sh and gpu_floor.sh need into .kit/, for a machine with cards but without
# a network or our libraries: programs with their shared libraries, recipes, tools, the sources of
# nccl-tests and CUTLASS as archives, and both built here, should building fail there.
#   CAIL_UPSTREAM_NCCL_TESTS_URL=/path/nccl-tests.git CAIL_UPSTREAM_CUTLASS_URL=/path/cutlass.git \
#       tests/real/gpu_kit.sh
# Needs nvcc 12 or newer and NCCL here (CUDA_HOME, NCCL_HOME). KIT_TREE=HEAD packs the last commit
# instead of the working tree; KIT_BUILD names the build folder.
set -euo pipefail
root=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
kit=$root/.kit
build=${KIT_BUILD:-$root/build/kit}
cuda=${CUDA_HOME:-/usr/local/cuda}
nccl=${NCCL_HOME:-$cuda}
say() { printf '%s\n' "$*"; }

# repo VARIABLE: the local repository it names.
repo() {
    local url=${!1:-}
    url=${url#file://}
    [[ -n $url ]] || { say "set $1 to a local repository" >&2 && return 1; }
    printf '%s' "$url"
}

# pack REPO NAME PATH...: src/NAME.tar.gz of its HEAD (not every machine has xz). That git may miss blobs
# outside PATH does not matter; that all of PATH is there, the build below shows.
pack() {
    local repo=$1 name=$2
    shift 2
    git -C "$repo" archive --format=tar --prefix="$name/" HEAD "$@" | gzip -9 >"$kit/src/$name.tar.gz"
}

programs() {
    local tree=$root so
    if [[ ${KIT_TREE:-} ]]; then
        tree=$build/tree
        rm -rf "$tree" && mkdir -p "$tree"
        git -C "$root" archive "$KIT_TREE" | tar -xf - -C "$tree"
    fi
    # RPATH and not RUNPATH: it counts for the libraries' own libraries too.
    cmake -S "$tree" -B "$build/cail" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCAIL_TESTS=OFF \
        "-DCMAKE_BUILD_RPATH=\$ORIGIN/../lib" -DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags >/dev/null
    ninja -C "$build/cail" | tail -n 1
    mkdir -p "$kit/build/bin" "$kit/build/lib"
    for so in cail-d cail cail-run cail-probe; do
        cp "$build/cail/bin/$so" "$kit/build/bin/"
    done
    # All but glibc, which fits the dynamic linker of the machine it is on.
    ldd "$kit/build/bin/cail-d" "$kit/build/bin/cail" "$kit/build/bin/cail-probe" |
        awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
        grep -vE '/lib(c|m|dl|rt|pthread|resolv)\.so\.[0-9]+$' | while read -r so; do
        cp -L "$so" "$kit/build/lib/"
    done
    strip --strip-debug "$kit"/build/bin/* "$kit"/build/lib/*
    cp -r "$tree/recipes" "$tree/tools" "$kit/"
}

# Through the same archives that are carried.
prebuilt() {
    local src=$build/src example=48_hopper_warp_specialized_gemm
    mkdir -p "$src" "$build/nccl-tests" "$kit/prebuilt"
    tar -xf "$kit/src/nccl-tests.tar.gz" -C "$src"
    tar -xf "$kit/src/cutlass.tar.gz" -C "$src"
    if [[ ! -x $build/nccl-tests/all_reduce_perf ]]; then
        make -s -C "$src/nccl-tests/src" "BUILDDIR=$build/nccl-tests" "CUDA_HOME=$cuda" "NCCL_HOME=$nccl" \
            "NVCC_GENCODE=-gencode=arch=compute_90,code=sm_90" "$build/nccl-tests/all_reduce_perf"
    fi
    local shape tile program
    for shape in wide:128,_128,_64 narrow:128,_64,_64 small:64,_64,_64; do # for comparisons of tile shapes
        tile=${shape#*:} program=$build/gemm-${shape%%:*}
        [[ ! -x $program ]] || continue
        sed -E -e 's/^(using +Element[AB] += )float;/\1cutlass::bfloat16_t;/' \
            -e "s/^(using +TileShape +=.*)<_128,_128,_32>;/\\1<_$tile>;/" \
            "$src/cutlass/examples/$example/$example.cu" >"$program.cu"
        grep -q "<_$tile>" "$program.cu"
        "$cuda/bin/nvcc" -std=c++17 -O3 -DNDEBUG -gencode=arch=compute_90a,code=sm_90a \
            --expt-relaxed-constexpr -diag-suppress 20012 -I"$src/cutlass/include" \
            -I"$src/cutlass/tools/util/include" -I"$src/cutlass/examples/common" \
            "$program.cu" -o "$program"
    done
    "$cuda/bin/nvcc" -O2 -gencode=arch=compute_90,code=sm_90 "$root/tests/real/gpu_hold.cu" \
        -o "$build/gpu_hold"
    cp "$build/nccl-tests/all_reduce_perf" "$build/gpu_hold" "$kit/prebuilt/"
    cp "$build/gemm-wide" "$kit/prebuilt/gemm"
    strip --strip-debug "$kit"/prebuilt/*
    for shape in wide narrow small; do
        mkdir "$kit/prebuilt/$shape"
        cp "$build/gemm-$shape" "$kit/prebuilt/$shape/gemm"
        strip --strip-debug "$kit/prebuilt/$shape/gemm"
    done
}

rm -rf "$kit"
mkdir -p "$kit/src" "$build"
nccl_tests_repo=$(repo CAIL_UPSTREAM_NCCL_TESTS_URL)
cutlass_repo=$(repo CAIL_UPSTREAM_CUTLASS_URL)
pack "$nccl_tests_repo" nccl-tests .
pack "$cutlass_repo" cutlass include tools/util/include examples/common \
    examples/48_hopper_warp_specialized_gemm CMakeLists.txt LICENSE.txt
programs
prebuilt
git -C "$root" rev-parse HEAD >"$kit/commit"
exclude=$(git -C "$root" rev-parse --git-path info/exclude)
[[ $exclude == /* ]] || exclude=$root/$exclude
grep -qx '/.kit/' "$exclude" || echo /.kit/ >>"$exclude"
size=$(tar -C "$kit" -c . | xz -0 | wc -c)
say "$kit: $(du -sh "$kit" | cut -f1), about $((size >> 20)) MiB compressed"
((size < 55 << 20)) || { say "that is more than the 55 MiB it may be" && exit 1; }
