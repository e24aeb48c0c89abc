import Numerics

/// How far a layer's outputs on the calibration text are from what they were meant to be, as shares of
/// their squares: tr(Δ H Δᵀ) / tr(T H Tᵀ).
struct OutputErrors {
  /// Of the restored weights from their target; nil where the layer's output is 0 anyway.
  let relative: Double?
  /// Of the target from the original weights; nil where the original output is 0 anyway.
  let shift: Double?

  /// - Parameters:
  ///   - target: the same object as `original` where nothing was corrected for.
  init(of restored: Tensor, target: Tensor, original: Tensor, hessian: Hessian) {
    let h = hessian.matrix
    let meant = MatMul.quadraticForm(target, h)
    let missing = Self.quadraticForm(restored, minus: target, h)
    relative = meant > 0 ? max(0, missing) / meant : nil
    if target === original {
      shift = meant > 0 ? 0 : nil
    } else {
      let whole = MatMul.quadraticForm(original, h)
      let shifted = Self.quadraticForm(target, minus: original, h)
      shift = whole > 0 ? max(0, shifted) / whole : nil
    }
  }

  /// Rows whose differences are in memory together.
  private static let rowsAtOnce = 1200

  private static func quadraticForm(_ a: Tensor, minus b: Tensor, _ h: Tensor) -> Double {
    let step = min(a.rows, rowsAtOnce)
    let difference = Tensor(uninitialized: [step, a.columns])
    var sum = 0.0
    for start in stride(from: 0, to: a.rows, by: step) {
      let range = start..<min(a.rows, start + step)
      let part = difference.rows(0..<range.count)
      part.copy(from: a.rows(range))
      Vector.add(b.rows(range), scaledBy: -1, into: part)
      sum += MatMul.quadraticForm(part, h)
    }
    return sum
  }
}
