import Numerics

/// The errors of a layer's outputs on the calibration text as shares of the outputs' energy,
/// tr(Δ H Δᵀ) / tr(T H Tᵀ).
struct OutputErrors {
  /// Restored weights against their target; nil where the target's output is 0.
  let relative: Double?
  /// The target against the original weights; nil where the original output is 0.
  let shift: Double?

  /// - Parameters:
  ///   - target: the same object as `original` without a correction.
  ///   - moved: the target's distance from `original`; nil where it has yet to be computed.
  init(
    of restored: Tensor, target: Tensor, original: Tensor, moved: DriftMap.Moved?, hessian: Hessian
  ) {
    let h = hessian.matrix
    let whole = MatMul.quadraticForm(original, h)
    var (meant, shifted) = (whole, 0.0)
    if let moved {
      // tr((W + S) H (W + S)ᵀ)
      meant = whole + 2 * moved.cross + moved.own
      shifted = moved.own
    } else if target !== original {
      meant = MatMul.quadraticForm(target, h)
      shifted = Self.quadraticForm(target, minus: original, h)
    }
    let missing = Self.quadraticForm(restored, minus: target, h)
    relative = meant > 0 ? max(0, missing) / meant : nil
    shift = whole > 0 ? max(0, shifted) / whole : nil
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
