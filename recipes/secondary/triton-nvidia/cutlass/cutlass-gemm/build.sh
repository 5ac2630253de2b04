# shellcheck shell=bash
# Builds the one example with nvcc itself: CUTLASS is headers, and its cmake would configure far more.
# wgmma is in sm_90a alone, so this is no matter of which card is here.
# shellcheck source=/dev/null
. "$CAIL_LIB/archive.sh"
# shellcheck source=/dev/null
. "$CAIL_LIB/cuda.sh"

example=48_hopper_warp_specialized_gemm

# with_element FILE TYPE: the example with other elements of A and B, and a tile that is as many bytes
# deep as the one it has for tf32.
with_element() {
    local out changed
    out=$(sed -E -e "s/^(using +Element[AB] += )float;/\\1$2;/" \
        -e 's/^(using +TileShape +=.*)<_128,_128,_32>;/\1<_128,_128,_64>;/' "$1")
    changed=$(diff <(printf '%s\n' "$out") "$1" | grep -c '^<' || true)
    ((changed == 3)) ||
        die "$example.cu has another form at $SRC_SHA: only element=tf32 builds there"
    printf '%s\n' "$out"
}

build_root_open
source_kept
cuda_find
file=$SRC_DIR/examples/$example/$example.cu
case $(param element bf16) in
bf16) with_element "$file" cutlass::bfloat16_t >"$CAIL_BUILD_DIR/gemm.cu" ;;
f16) with_element "$file" cutlass::half_t >"$CAIL_BUILD_DIR/gemm.cu" ;;
*) cp -- "$file" "$CAIL_BUILD_DIR/gemm.cu" ;;
esac

say "compiling $example for $(param element bf16), sm_90a"
began=$(now_us)
"$CUDA_DIR/bin/nvcc" -std=c++17 -O3 -DNDEBUG "$(gencodes 90a)" --expt-relaxed-constexpr \
    -diag-suppress 20012 -I"$SRC_DIR/include" -I"$SRC_DIR/tools/util/include" \
    -I"$SRC_DIR/examples/common" "$CAIL_BUILD_DIR/gemm.cu" -o "$CAIL_BUILD_DIR/gemm.new"
mv -- "$CAIL_BUILD_DIR/gemm.new" "$CAIL_BUILD_DIR/gemm"
link_newest "$CAIL_BUILD_DIR" "$CAIL_BUILD_ROOT/current/cutlass-gemm"
say "built in $(us_to s $(($(now_us) - began))) s: $CAIL_BUILD_DIR/gemm"
