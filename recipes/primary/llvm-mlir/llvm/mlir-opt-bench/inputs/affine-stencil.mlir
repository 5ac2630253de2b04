// pipeline: builtin.module(func.func(canonicalize,affine-loop-fusion,affine-scalrep,affine-loop-tile{tile-size=16},affine-loop-unroll{unroll-factor=4},affine-loop-invariant-code-motion,affine-simplify-structures,canonicalize,cse),lower-affine,func.func(canonicalize,cse,loop-invariant-code-motion),convert-scf-to-cf,canonicalize)
//
// Polyhedral loops over memrefs: a five-point stencil in two sweeps, a matrix product that tiling
// and unrolling apply to, and a pair of producer and consumer loops that fusion should merge.

func.func @jacobi__0(%a: memref<130x130xf32>, %b: memref<130x130xf32>) {
  %fifth = arith.constant 0.2 : f32
  affine.for %t = 0 to 20 {
    affine.for %i = 1 to 129 {
      affine.for %j = 1 to 129 {
        %c = affine.load %a[%i, %j] : memref<130x130xf32>
        %n = affine.load %a[%i - 1, %j] : memref<130x130xf32>
        %s = affine.load %a[%i + 1, %j] : memref<130x130xf32>
        %w = affine.load %a[%i, %j - 1] : memref<130x130xf32>
        %e = affine.load %a[%i, %j + 1] : memref<130x130xf32>
        %0 = arith.addf %c, %n : f32
        %1 = arith.addf %s, %w : f32
        %2 = arith.addf %0, %1 : f32
        %3 = arith.addf %2, %e : f32
        %4 = arith.mulf %3, %fifth : f32
        affine.store %4, %b[%i, %j] : memref<130x130xf32>
      }
    }
    affine.for %i = 1 to 129 {
      affine.for %j = 1 to 129 {
        %v = affine.load %b[%i, %j] : memref<130x130xf32>
        affine.store %v, %a[%i, %j] : memref<130x130xf32>
      }
    }
  }
  return
}

func.func @gemm__0(%a: memref<96x64xf32>, %b: memref<64x80xf32>, %c: memref<96x80xf32>,
                   %alpha: f32, %beta: f32) {
  affine.for %i = 0 to 96 {
    affine.for %j = 0 to 80 {
      %0 = affine.load %c[%i, %j] : memref<96x80xf32>
      %1 = arith.mulf %0, %beta : f32
      affine.store %1, %c[%i, %j] : memref<96x80xf32>
    }
  }
  affine.for %i = 0 to 96 {
    affine.for %j = 0 to 80 {
      affine.for %k = 0 to 64 {
        %0 = affine.load %a[%i, %k] : memref<96x64xf32>
        %1 = affine.load %b[%k, %j] : memref<64x80xf32>
        %2 = arith.mulf %0, %1 : f32
        %3 = arith.mulf %2, %alpha : f32
        %4 = affine.load %c[%i, %j] : memref<96x80xf32>
        %5 = arith.addf %4, %3 : f32
        affine.store %5, %c[%i, %j] : memref<96x80xf32>
      }
    }
  }
  return
}

func.func @scale_then_sum__0(%x: memref<256x32xf32>, %k: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %tmp = memref.alloc() : memref<256x32xf32>
  affine.for %i = 0 to 256 {
    affine.for %j = 0 to 32 {
      %0 = affine.load %x[%i, %j] : memref<256x32xf32>
      %1 = arith.mulf %0, %k : f32
      affine.store %1, %tmp[%i, %j] : memref<256x32xf32>
    }
  }
  %total = affine.for %i = 0 to 256 iter_args(%acc = %zero) -> (f32) {
    %row = affine.for %j = 0 to 32 iter_args(%part = %zero) -> (f32) {
      %0 = affine.load %tmp[%i, %j] : memref<256x32xf32>
      %1 = arith.addf %part, %0 : f32
      affine.yield %1 : f32
    }
    %2 = arith.addf %acc, %row : f32
    affine.yield %2 : f32
  }
  memref.dealloc %tmp : memref<256x32xf32>
  return %total : f32
}
