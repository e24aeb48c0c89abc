import Numerics

/// A frozen linear layer, y = W·x + b, on rows: x [m, in], y [m, out].
public struct Linear: Sendable {
  /// [out, in], as the checkpoint stores it, or packed.
  public var weight: Weight
  /// [out]; nil in most families (Qwen2 has them on q, k and v).
  public var bias: Tensor?

  public init(weight: Weight, bias: Tensor? = nil) {
    if let bias { precondition(bias.count == weight.rows, "a bias per output") }
    self.weight = weight
    self.bias = bias
  }

  /// y = W·x + b, or y += W·x + b.
  public func apply(_ x: ProductInput, into y: Tensor, accumulate: Bool = false) {
    weight.apply(x, into: y, accumulate: accumulate)
    if let bias { Vector.addToRows(bias, of: y) }
  }

  /// As above, where no other layer reads the same rows.
  public func apply(
    _ x: Tensor, into y: Tensor, accumulate: Bool = false, arithmetic: Arithmetic
  ) {
    apply(ProductInput(x, arithmetic), into: y, accumulate: accumulate)
  }

  /// dx = Wᵀ·dy, or dx += Wᵀ·dy.
  public func applyTransposed(
    _ dy: Tensor, into dx: Tensor, accumulate: Bool = false, arithmetic: Arithmetic
  ) {
    weight.applyTransposed(dy, into: dx, accumulate: accumulate, arithmetic: arithmetic)
  }
}
