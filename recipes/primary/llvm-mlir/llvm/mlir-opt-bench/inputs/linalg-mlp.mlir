// pipeline: builtin.module(canonicalize,cse,linalg-fuse-elementwise-ops,one-shot-bufferize{bufferize-function-boundaries},func.func(buffer-deallocation-simplification,convert-linalg-to-loops,canonicalize,cse,loop-invariant-code-motion),convert-scf-to-cf,lower-affine,expand-strided-metadata,convert-math-to-llvm,convert-arith-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,convert-cf-to-llvm,reconcile-unrealized-casts,canonicalize,cse)
//
// Two layers of a perceptron with ReLU and a softmax over the last axis, as a frontend hands it to
// linalg on tensors: named matmuls, elementwise generics that ought to fuse, reductions, fills.

#id__0 = affine_map<(d0, d1) -> (d0, d1)>
#row__0 = affine_map<(d0, d1) -> (d0)>
#col__0 = affine_map<(d0, d1) -> (d1)>

func.func @bias_relu__0(%x: tensor<32x128xf32>, %bias: tensor<128xf32>) -> tensor<32x128xf32> {
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<32x128xf32>
  %sum = linalg.generic {
      indexing_maps = [#id__0, #col__0, #id__0],
      iterator_types = ["parallel", "parallel"]}
      ins(%x, %bias : tensor<32x128xf32>, tensor<128xf32>)
      outs(%init : tensor<32x128xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<32x128xf32>
  %init2 = tensor.empty() : tensor<32x128xf32>
  %relu = linalg.generic {
      indexing_maps = [#id__0, #id__0],
      iterator_types = ["parallel", "parallel"]}
      ins(%sum : tensor<32x128xf32>) outs(%init2 : tensor<32x128xf32>) {
  ^bb0(%a: f32, %out: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<32x128xf32>
  return %relu : tensor<32x128xf32>
}

func.func @softmax__0(%x: tensor<32x16xf32>) -> tensor<32x16xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant 0xFF800000 : f32
  %rows = tensor.empty() : tensor<32xf32>
  %max_init = linalg.fill ins(%lowest : f32) outs(%rows : tensor<32xf32>) -> tensor<32xf32>
  %max = linalg.generic {
      indexing_maps = [#id__0, #row__0],
      iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<32x16xf32>) outs(%max_init : tensor<32xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.maximumf %a, %acc : f32
    linalg.yield %m : f32
  } -> tensor<32xf32>
  %init = tensor.empty() : tensor<32x16xf32>
  %exp = linalg.generic {
      indexing_maps = [#id__0, #row__0, #id__0],
      iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<32x16xf32>, tensor<32xf32>)
      outs(%init : tensor<32x16xf32>) {
  ^bb0(%a: f32, %m: f32, %out: f32):
    %d = arith.subf %a, %m : f32
    %e = math.exp %d : f32
    linalg.yield %e : f32
  } -> tensor<32x16xf32>
  %sum_init = linalg.fill ins(%zero : f32) outs(%rows : tensor<32xf32>) -> tensor<32xf32>
  %sum = linalg.generic {
      indexing_maps = [#id__0, #row__0],
      iterator_types = ["parallel", "reduction"]}
      ins(%exp : tensor<32x16xf32>) outs(%sum_init : tensor<32xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %s = arith.addf %a, %acc : f32
    linalg.yield %s : f32
  } -> tensor<32xf32>
  %init2 = tensor.empty() : tensor<32x16xf32>
  %out = linalg.generic {
      indexing_maps = [#id__0, #row__0, #id__0],
      iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum : tensor<32x16xf32>, tensor<32xf32>)
      outs(%init2 : tensor<32x16xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %d = arith.divf %a, %s : f32
    linalg.yield %d : f32
  } -> tensor<32x16xf32>
  return %out : tensor<32x16xf32>
}

func.func @mlp__0(%x: tensor<32x64xf32>, %w1: tensor<64x128xf32>, %b1: tensor<128xf32>,
                  %w2: tensor<128x16xf32>) -> tensor<32x16xf32> {
  %zero = arith.constant 0.0 : f32
  %h_empty = tensor.empty() : tensor<32x128xf32>
  %h_init = linalg.fill ins(%zero : f32) outs(%h_empty : tensor<32x128xf32>) -> tensor<32x128xf32>
  %h = linalg.matmul ins(%x, %w1 : tensor<32x64xf32>, tensor<64x128xf32>)
      outs(%h_init : tensor<32x128xf32>) -> tensor<32x128xf32>
  %act = call @bias_relu__0(%h, %b1)
      : (tensor<32x128xf32>, tensor<128xf32>) -> tensor<32x128xf32>
  %y_empty = tensor.empty() : tensor<32x16xf32>
  %y_init = linalg.fill ins(%zero : f32) outs(%y_empty : tensor<32x16xf32>) -> tensor<32x16xf32>
  %y = linalg.matmul ins(%act, %w2 : tensor<32x128xf32>, tensor<128x16xf32>)
      outs(%y_init : tensor<32x16xf32>) -> tensor<32x16xf32>
  %p = call @softmax__0(%y) : (tensor<32x16xf32>) -> tensor<32x16xf32>
  return %p : tensor<32x16xf32>
}
