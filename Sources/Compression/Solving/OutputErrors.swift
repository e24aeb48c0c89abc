import Numerics

/// How far a layer's outputs on the calibration text are from what they were meant to be, as shares of
/// their squares: tr(Δ H Δᵀ) / tr(T H Tᵀ).
struct OutputErrors {
  /// Of the restored weights from their target; nil where the layer's output is 0 anyway.
  let relative: Double?
  /// Of the target from the original weights; nil where the original output is 0 anyway.
  let shift: Double?

  /// Rows that go through a product together.
  private static let rowsAtOnce = 1024

  /// - Parameters:
  ///   - target: the same object as `original` where nothing was corrected for; each difference costs a
  ///     product with H.
  init(of restored: Tensor, target: Tensor, original: Tensor, hessian: Hessian) {
    let h = hessian.matrix
    let step = min(original.rows, Self.rowsAtOnce)
    let product = Tensor(uninitialized: [step, original.columns])
    let difference = Tensor(uninitialized: product.shape)
    // With T = W + S: tr(T H Tᵀ) = tr(W H Wᵀ) + 2 tr(W H Sᵀ) + tr(S H Sᵀ).
    var (whole, cross, shifted, missing) = (0.0, 0.0, 0.0, 0.0)
    for start in stride(from: 0, to: original.rows, by: step) {
      let range = start..<min(original.rows, start + step)
      let (part, delta) = (product.rows(0..<range.count), difference.rows(0..<range.count))
      let rows = original.rows(range)
      MatMul.multiply(rows, h, into: part)
      Self.add(part, rows, to: &whole)
      if target !== original {
        delta.copy(from: target.rows(range))
        Vector.add(rows, scaledBy: -1, into: delta)
        Self.add(part, delta, to: &cross)
        MatMul.multiply(delta, h, into: part)
        Self.add(part, delta, to: &shifted)
      }
      delta.copy(from: restored.rows(range))
      Vector.add(target.rows(range), scaledBy: -1, into: delta)
      MatMul.multiply(delta, h, into: part)
      Self.add(part, delta, to: &missing)
    }
    let meant = whole + 2 * cross + shifted
    relative = meant > 0 ? max(0, missing) / meant : nil
    shift = whole > 0 ? max(0, shifted) / whole : nil
  }

  /// Adds Σ a·b in float64, in the order of the values.
  private static func add(_ a: Tensor, _ b: Tensor, to sum: inout Double) {
    a.withSpan { a in
      b.withSpan { b in
        for i in 0..<a.count { sum += Double(a[i]) * Double(b[i]) }
      }
    }
  }
}
