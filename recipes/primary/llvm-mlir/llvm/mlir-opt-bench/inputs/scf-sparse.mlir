// pipeline: builtin.module(func.func(canonicalize,cse,loop-invariant-code-motion,scf-for-loop-canonicalization,scf-for-loop-range-folding,mem2reg),sccp,canonicalize,convert-scf-to-cf,canonicalize,cse,convert-arith-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,reconcile-unrealized-casts)
//
// Structured control flow with data-dependent bounds: a sparse matrix in CSR form times a vector, a
// bisection in a while loop, and an insertion sort whose inner loop leaves early.

func.func @spmv__0(%ptr: memref<?xindex>, %idx: memref<?xindex>, %val: memref<?xf64>,
                   %x: memref<?xf64>, %y: memref<?xf64>, %rows: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f64
  scf.for %r = %c0 to %rows step %c1 {
    %r1 = arith.addi %r, %c1 : index
    %lo = memref.load %ptr[%r] : memref<?xindex>
    %hi = memref.load %ptr[%r1] : memref<?xindex>
    %sum = scf.for %k = %lo to %hi step %c1 iter_args(%acc = %zero) -> (f64) {
      %c = memref.load %idx[%k] : memref<?xindex>
      %v = memref.load %val[%k] : memref<?xf64>
      %e = memref.load %x[%c] : memref<?xf64>
      %p = arith.mulf %v, %e : f64
      %s = arith.addf %acc, %p : f64
      scf.yield %s : f64
    }
    memref.store %sum, %y[%r] : memref<?xf64>
  }
  return
}

func.func @lower_bound__0(%a: memref<?xi64>, %n: index, %key: i64) -> index {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %lo, %hi = scf.while (%l = %c0, %h = %n) : (index, index) -> (index, index) {
    %more = arith.cmpi ult, %l, %h : index
    scf.condition(%more) %l, %h : index, index
  } do {
  ^bb0(%l: index, %h: index):
    %d = arith.subi %h, %l : index
    %half = arith.divui %d, %c2 : index
    %m = arith.addi %l, %half : index
    %v = memref.load %a[%m] : memref<?xi64>
    %less = arith.cmpi slt, %v, %key : i64
    %nl, %nh = scf.if %less -> (index, index) {
      %m1 = arith.addi %m, %c1 : index
      scf.yield %m1, %h : index, index
    } else {
      scf.yield %l, %m : index, index
    }
    scf.yield %nl, %nh : index, index
  }
  return %lo : index
}

func.func @insertion_sort__0(%a: memref<?xi64>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c1 to %n step %c1 {
    %v = memref.load %a[%i] : memref<?xi64>
    %at = scf.while (%j = %i) : (index) -> index {
      %some = arith.cmpi ugt, %j, %c0 : index
      %go = scf.if %some -> (i1) {
        %p = arith.subi %j, %c1 : index
        %w = memref.load %a[%p] : memref<?xi64>
        %gt = arith.cmpi sgt, %w, %v : i64
        scf.yield %gt : i1
      } else {
        %no = arith.constant false
        scf.yield %no : i1
      }
      scf.condition(%go) %j : index
    } do {
    ^bb0(%j: index):
      %p = arith.subi %j, %c1 : index
      %w = memref.load %a[%p] : memref<?xi64>
      memref.store %w, %a[%j] : memref<?xi64>
      scf.yield %p : index
    }
    memref.store %v, %a[%at] : memref<?xi64>
  }
  return
}

func.func @count_flags__0(%a: memref<?xi64>, %n: index) -> i64 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i64
  %zero = arith.constant 0 : i64
  %count = memref.alloca() : memref<i64>
  memref.store %zero, %count[] : memref<i64>
  %first = memref.load %count[] : memref<i64>
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%acc = %first) -> (i64) {
    %v = memref.load %a[%i] : memref<?xi64>
    %bit = arith.andi %v, %one : i64
    %odd = arith.cmpi eq, %bit, %one : i64
    %inc = arith.select %odd, %one, %zero : i64
    %s = arith.addi %acc, %inc : i64
    scf.yield %s : i64
  }
  return %sum : i64
}
