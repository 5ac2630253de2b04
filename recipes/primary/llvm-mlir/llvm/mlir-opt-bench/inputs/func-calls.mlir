// pipeline: builtin.module(inline,canonicalize,cse,sccp,control-flow-sink,func.func(canonicalize,cse,loop-invariant-code-motion),symbol-dce,canonicalize,convert-scf-to-cf,convert-arith-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,reconcile-unrealized-casts)
//
// Many small functions that call each other, as generated code has them: accessors to inline,
// branches on constants, and functions that nobody calls.

func.func private @sq__0(%x: f64) -> f64 {
  %r = arith.mulf %x, %x : f64
  return %r : f64
}

func.func private @square__0(%x: f64) -> f64 {
  %r = arith.mulf %x, %x : f64
  return %r : f64
}

func.func private @dot3__0(%ax: f64, %ay: f64, %az: f64, %bx: f64, %by: f64, %bz: f64) -> f64 {
  %0 = arith.mulf %ax, %bx : f64
  %1 = arith.mulf %ay, %by : f64
  %2 = arith.mulf %az, %bz : f64
  %3 = arith.addf %0, %1 : f64
  %4 = arith.addf %3, %2 : f64
  return %4 : f64
}

func.func private @norm2__0(%x: f64, %y: f64, %z: f64) -> f64 {
  %0 = call @dot3__0(%x, %y, %z, %x, %y, %z) : (f64, f64, f64, f64, f64, f64) -> f64
  return %0 : f64
}

func.func private @pick__0(%which: i1, %a: f64, %b: f64) -> f64 {
  %r = scf.if %which -> (f64) {
    %0 = func.call @sq__0(%a) : (f64) -> f64
    scf.yield %0 : f64
  } else {
    %1 = func.call @square__0(%b) : (f64) -> f64
    scf.yield %1 : f64
  }
  return %r : f64
}

func.func private @never_called__0(%x: f64) -> f64 {
  %c = arith.constant 2.0 : f64
  %r = arith.divf %x, %c : f64
  return %r : f64
}

func.func private @clamp__0(%x: f64, %lo: f64, %hi: f64) -> f64 {
  %under = arith.cmpf olt, %x, %lo : f64
  cf.cond_br %under, ^low, ^test
^low:
  return %lo : f64
^test:
  %over = arith.cmpf ogt, %x, %hi : f64
  cf.cond_br %over, ^high, ^same
^high:
  return %hi : f64
^same:
  return %x : f64
}

func.func @shade__0(%x: f64, %y: f64, %z: f64, %steps: index) -> f64 {
  %true = arith.constant true
  %false = arith.constant false
  %zero = arith.constant 0.0 : f64
  %one = arith.constant 1.0 : f64
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = call @norm2__0(%x, %y, %z) : (f64, f64, f64) -> f64
  %a = call @pick__0(%true, %n, %one) : (i1, f64, f64) -> f64
  %b = call @pick__0(%false, %n, %y) : (i1, f64, f64) -> f64
  %sum = scf.for %i = %c0 to %steps step %c1 iter_args(%acc = %zero) -> (f64) {
    %d = func.call @dot3__0(%x, %y, %z, %a, %b, %n) : (f64, f64, f64, f64, f64, f64) -> f64
    %s = arith.addf %acc, %d : f64
    scf.yield %s : f64
  }
  %r = call @clamp__0(%sum, %zero, %one) : (f64, f64, f64) -> f64
  return %r : f64
}
