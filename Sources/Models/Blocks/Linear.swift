import Numerics

/// A frozen linear layer, y = W·x + b, on rows: x [m, in], y [m, out]; with a low-rank part,
/// y = W·x + b + scale·B·A·x.
package struct Linear: Sendable {
  /// [out, in], as the checkpoint stores it, or packed.
  package var weight: Weight
  /// [out]; nil in most families (Qwen2 has them on q, k and v).
  package var bias: Tensor?
  /// The learned low-rank part; nil for none.
  package var lowRank: LowRank?

  package init(weight: Weight, bias: Tensor? = nil) {
    if let bias { precondition(bias.count == weight.rows, "a bias per output") }
    self.weight = weight
    self.bias = bias
  }

  /// y = W·x + b, or y += W·x + b.
  package func apply(_ x: ProductInput, into y: Tensor, accumulate: Bool = false) {
    weight.apply(x, into: y, accumulate: accumulate)
    addRest(x.rows, to: y)
  }

  /// Adds the bias and the low-rank product to y.
  func addRest(_ x: Tensor, to y: Tensor) {
    if let bias { Vector.addToRows(bias, of: y) }
    lowRank?.apply(x, addedTo: y)
  }

  /// y = W·x + b, or y += W·x + b, for rows that no other layer reads.
  package func apply(
    _ x: Tensor, into y: Tensor, accumulate: Bool = false, arithmetic: Arithmetic
  ) {
    apply(ProductInput(x, arithmetic), into: y, accumulate: accumulate)
  }

  /// dx = Wᵀ·dy, or dx += Wᵀ·dy.
  package func applyTransposed(
    _ dy: Tensor, into dx: Tensor, accumulate: Bool = false, arithmetic: Arithmetic
  ) {
    weight.applyTransposed(dy, into: dx, accumulate: accumulate, arithmetic: arithmetic)
    lowRank?.applyTransposed(dy, addedTo: dx)
  }
}
