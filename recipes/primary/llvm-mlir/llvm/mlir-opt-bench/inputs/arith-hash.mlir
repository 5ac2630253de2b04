// pipeline: builtin.module(func.func(canonicalize,cse),inline,sccp,func.func(int-range-optimizations,arith-unsigned-when-equivalent,arith-expand,canonicalize,cse),symbol-dce,convert-arith-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts,canonicalize,cse)
//
// Long straight lines of integer arithmetic with much to fold: rounds of a mixing function with
// constants known in advance, a division by constants, and a saturating add written out in full.

func.func private @rotl__0(%x: i32, %by: i32) -> i32 {
  %width = arith.constant 32 : i32
  %rest = arith.subi %width, %by : i32
  %hi = arith.shli %x, %by : i32
  %lo = arith.shrui %x, %rest : i32
  %r = arith.ori %hi, %lo : i32
  return %r : i32
}

func.func private @quarter__0(%a: i32, %b: i32, %c: i32, %d: i32) -> (i32, i32, i32, i32) {
  %r16 = arith.constant 16 : i32
  %r12 = arith.constant 12 : i32
  %r8 = arith.constant 8 : i32
  %r7 = arith.constant 7 : i32
  %a1 = arith.addi %a, %b : i32
  %d1 = arith.xori %d, %a1 : i32
  %d2 = call @rotl__0(%d1, %r16) : (i32, i32) -> i32
  %c1 = arith.addi %c, %d2 : i32
  %b1 = arith.xori %b, %c1 : i32
  %b2 = call @rotl__0(%b1, %r12) : (i32, i32) -> i32
  %a2 = arith.addi %a1, %b2 : i32
  %d3 = arith.xori %d2, %a2 : i32
  %d4 = call @rotl__0(%d3, %r8) : (i32, i32) -> i32
  %c2 = arith.addi %c1, %d4 : i32
  %b3 = arith.xori %b2, %c2 : i32
  %b4 = call @rotl__0(%b3, %r7) : (i32, i32) -> i32
  return %a2, %b4, %c2, %d4 : i32, i32, i32, i32
}

func.func @mix__0(%k0: i32, %k1: i32, %n: i32) -> i32 {
  %x0 = arith.constant 0x61707865 : i32
  %x1 = arith.constant 0x3320646e : i32
  %a:4 = call @quarter__0(%x0, %k0, %k1, %n) : (i32, i32, i32, i32) -> (i32, i32, i32, i32)
  %b:4 = call @quarter__0(%x1, %a#1, %a#2, %a#3) : (i32, i32, i32, i32) -> (i32, i32, i32, i32)
  %c:4 = call @quarter__0(%a#0, %b#1, %b#2, %b#3) : (i32, i32, i32, i32) -> (i32, i32, i32, i32)
  %d:4 = call @quarter__0(%b#0, %c#1, %c#2, %c#3) : (i32, i32, i32, i32) -> (i32, i32, i32, i32)
  %e:4 = call @quarter__0(%c#0, %d#1, %d#2, %d#3) : (i32, i32, i32, i32) -> (i32, i32, i32, i32)
  %f:4 = call @quarter__0(%d#0, %e#1, %e#2, %e#3) : (i32, i32, i32, i32) -> (i32, i32, i32, i32)
  %s0 = arith.addi %f#0, %f#1 : i32
  %s1 = arith.addi %f#2, %f#3 : i32
  %s = arith.xori %s0, %s1 : i32
  return %s : i32
}

// Every argument is known: all of it should fold to one constant.
func.func @known__0() -> i32 {
  %k0 = arith.constant 0x03020100 : i32
  %k1 = arith.constant 0x07060504 : i32
  %n = arith.constant 1 : i32
  %r = call @mix__0(%k0, %k1, %n) : (i32, i32, i32) -> i32
  return %r : i32
}

func.func @calendar__0(%days: i32) -> (i32, i32, i32) {
  %c0 = arith.constant 0 : i32
  %c3652 = arith.constant 36524 : i32
  %c365 = arith.constant 365 : i32
  %c4 = arith.constant 4 : i32
  %c5 = arith.constant 5 : i32
  %c2 = arith.constant 2 : i32
  %c153 = arith.constant 153 : i32
  %c1 = arith.constant 1 : i32
  %mask = arith.constant 0xFFFFF : i32
  %d = arith.andi %days, %mask : i32
  %cent = arith.divsi %d, %c3652 : i32
  %in_cent = arith.remsi %d, %c3652 : i32
  %year = arith.floordivsi %in_cent, %c365 : i32
  %leap = arith.ceildivsi %year, %c4 : i32
  %yd0 = arith.remsi %in_cent, %c365 : i32
  %yd = arith.addi %yd0, %leap : i32
  %neg = arith.cmpi slt, %yd, %c0 : i32
  %ydc = arith.select %neg, %c0, %yd : i32
  %m0 = arith.muli %ydc, %c5 : i32
  %m1 = arith.addi %m0, %c2 : i32
  %month = arith.divsi %m1, %c153 : i32
  %p0 = arith.muli %month, %c153 : i32
  %p1 = arith.addi %p0, %c2 : i32
  %p2 = arith.divsi %p1, %c5 : i32
  %day0 = arith.subi %ydc, %p2 : i32
  %day = arith.addi %day0, %c1 : i32
  %hundred = arith.constant 100 : i32
  %y0 = arith.muli %cent, %hundred : i32
  %y = arith.addi %y0, %year : i32
  return %y, %month, %day : i32, i32, i32
}

func.func @saturating_add__0(%a: i16, %b: i16) -> i16 {
  %max = arith.constant 32767 : i32
  %min = arith.constant -32768 : i32
  %aw = arith.extsi %a : i16 to i32
  %bw = arith.extsi %b : i16 to i32
  %s = arith.addi %aw, %bw : i32
  %hi = arith.minsi %s, %max : i32
  %lo = arith.maxsi %hi, %min : i32
  %r = arith.trunci %lo : i32 to i16
  return %r : i16
}
