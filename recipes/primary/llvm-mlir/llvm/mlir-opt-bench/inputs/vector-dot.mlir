// pipeline: builtin.module(func.func(canonicalize,cse,loop-invariant-code-motion),convert-vector-to-scf,func.func(canonicalize,cse),convert-scf-to-cf,convert-vector-to-llvm,convert-math-to-llvm,convert-arith-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,reconcile-unrealized-casts,canonicalize,cse)
//
// Code as it looks after vectorization: transfers with padding, contractions of small tiles, fused
// multiply-adds over a strip, reductions at the end, shuffles of a transposition.

func.func @dot__0(%a: memref<?xf32>, %b: memref<?xf32>, %n: index) -> f32 {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %pad = arith.constant 0.0 : f32
  %zero = arith.constant dense<0.0> : vector<8xf32>
  %acc = scf.for %i = %c0 to %n step %c8 iter_args(%s = %zero) -> (vector<8xf32>) {
    %x = vector.transfer_read %a[%i], %pad : memref<?xf32>, vector<8xf32>
    %y = vector.transfer_read %b[%i], %pad : memref<?xf32>, vector<8xf32>
    %f = vector.fma %x, %y, %s : vector<8xf32>
    scf.yield %f : vector<8xf32>
  }
  %r = vector.reduction <add>, %acc : vector<8xf32> into f32
  return %r : f32
}

func.func @tile__0(%a: memref<64x64xf32>, %b: memref<64x64xf32>, %c: memref<64x64xf32>) {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  %pad = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c64 step %c4 {
    scf.for %j = %c0 to %c64 step %c4 {
      %init = vector.transfer_read %c[%i, %j], %pad {in_bounds = [true, true]}
          : memref<64x64xf32>, vector<4x4xf32>
      %sum = scf.for %k = %c0 to %c64 step %c4 iter_args(%acc = %init) -> (vector<4x4xf32>) {
        %x = vector.transfer_read %a[%i, %k], %pad {in_bounds = [true, true]}
            : memref<64x64xf32>, vector<4x4xf32>
        %y = vector.transfer_read %b[%k, %j], %pad {in_bounds = [true, true]}
            : memref<64x64xf32>, vector<4x4xf32>
        %p = vector.contract {
            indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>,
                             affine_map<(m, n, k) -> (m, n)>],
            iterator_types = ["parallel", "parallel", "reduction"],
            kind = #vector.kind<add>}
            %x, %y, %acc : vector<4x4xf32>, vector<4x4xf32> into vector<4x4xf32>
        scf.yield %p : vector<4x4xf32>
      }
      vector.transfer_write %sum, %c[%i, %j] {in_bounds = [true, true]}
          : vector<4x4xf32>, memref<64x64xf32>
    }
  }
  return
}

func.func @transpose__0(%a: memref<32x32xf32>, %b: memref<32x32xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c32 = arith.constant 32 : index
  %pad = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c32 step %c8 {
    scf.for %j = %c0 to %c32 step %c8 {
      %x = vector.transfer_read %a[%i, %j], %pad {in_bounds = [true, true]}
          : memref<32x32xf32>, vector<8x8xf32>
      %t = vector.transpose %x, [1, 0] : vector<8x8xf32> to vector<8x8xf32>
      vector.transfer_write %t, %b[%j, %i] {in_bounds = [true, true]}
          : vector<8x8xf32>, memref<32x32xf32>
    }
  }
  return
}
