// entry: softmax --input=512x512xf32=0.5
func.func @softmax(%x: tensor<512x512xf32>) -> tensor<512x512xf32> {
  %empty = tensor.empty() : tensor<512x512xf32>
  %y = linalg.softmax dimension(1) ins(%x : tensor<512x512xf32>)
                                   outs(%empty : tensor<512x512xf32>) -> tensor<512x512xf32>
  return %y : tensor<512x512xf32>
}
