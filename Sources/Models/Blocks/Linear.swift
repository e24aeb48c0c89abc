import Numerics

/// A frozen linear layer on rows, y = W·x + b with x [m, in] and y [m, out]; with a low-rank
/// update, y = W·x + b + scale·B·A·x.
package struct Linear: Sendable {
  /// Weight [out, in], as the checkpoint stores it, or packed.
  package var weight: Weight
  /// Bias [out]; nil in most families (Qwen2 has biases on q, k and v).
  package var bias: Tensor?
  /// Learned low-rank update; nil for none.
  package var lowRank: LowRank?

  package init(weight: Weight, bias: Tensor? = nil) {
    if let bias { precondition(bias.count == weight.rows, "a bias per output") }
    self.weight = weight
    self.bias = bias
  }

  /// Computes y [m, out] from x [m, in]; adds to y if `accumulate`.
  package func apply(_ x: ProductInput, into y: Tensor, accumulate: Bool = false) {
    weight.apply(x, into: y, accumulate: accumulate)
    addRest(x.rows, to: y)
  }

  /// Adds the bias and the low-rank product scale·B·A·x to y.
  func addRest(_ x: Tensor, to y: Tensor) {
    if let bias { Vector.addToRows(bias, of: y) }
    lowRank?.apply(x, addedTo: y)
  }

  /// Computes y [m, out] from x [m, in], for rows that no other layer reads; adds to y if
  /// `accumulate`.
  package func apply(
    _ x: Tensor, into y: Tensor, accumulate: Bool = false, arithmetic: Arithmetic
  ) {
    apply(ProductInput(x, arithmetic), into: y, accumulate: accumulate)
  }

  /// Computes the gradient with respect to the input, dx [m, in], from dy [m, out]: Wᵀ·dy, with the
  /// low-rank update's share; adds to dx if `accumulate`.
  package func applyTransposed(
    _ dy: Tensor, into dx: Tensor, accumulate: Bool = false, arithmetic: Arithmetic
  ) {
    weight.applyTransposed(dy, into: dx, accumulate: accumulate, arithmetic: arithmetic)
    lowRank?.applyTransposed(dy, addedTo: dx)
  }
}
