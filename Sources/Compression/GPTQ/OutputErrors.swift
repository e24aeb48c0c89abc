import Numerics

/// The relative errors of a layer's outputs on the calibration text, as shares of the outputs'
/// energy: tr(Δ H Δᵀ) / tr(T H Tᵀ).
struct OutputErrors {
  /// Restored weights against their target; nil if the target's output is 0.
  let relative: Double?
  /// The target against the original weights; nil if the original output is 0.
  let shift: Double?

  /// - Parameters:
  ///   - target: the same object as `original` if there is no correction.
  ///   - moved: the energies of the step from `original` to `target`; nil to compute them here.
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

  /// Rows of the difference that are in memory at once.
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
