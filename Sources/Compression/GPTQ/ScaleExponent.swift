import Bytes
import Numerics

/// The exponent of the power of two that a matrix's scales are divided by before they are stored as
/// f16.
///
/// 0 unless the largest group's step is close to overflow (65504), or so close to f16's subnormals
/// (below 2^−14) that most groups would lose digits. Much smaller groups may become subnormal:
/// their error is at most 2^−25, negligible next to the largest step. A non-zero exponent puts the
/// largest step at 2^13 … 2^14: high, so that small steps keep their digits, yet with room for
/// weights that grow while errors are fed forward.
enum ScaleExponent {
  /// Largest steps that need no exponent.
  private static let ordinary: ClosedRange<Float> = 0x1p-12...0x1p15

  /// The exponent for a matrix; nil if its weights are too large for any exponent (about 10^24 and
  /// more, found in no model).
  static func choose(weights: Tensor, groupWidth: Int, grid: GridSettings) -> Int? {
    var step = largestExtent(weights, groupWidth: groupWidth, symmetric: grid.symmetric)
    guard step > 0 else { return 0 }
    step /= Float(1 << grid.bits) - 1
    if ordinary.contains(step) { return 0 }
    let exponent = max(Int(step.exponent) - 13, StoredScale.exponents.lowerBound)
    return exponent <= StoredScale.exponents.upperBound ? exponent : nil
  }

  /// The width of the widest range that any group's grid has to cover.
  private static func largestExtent(
    _ weights: Tensor, groupWidth: Int, symmetric: Bool
  ) -> Float {
    let columns = weights.columns
    return weights.withSpan { values in
      var largest: Float = 0
      for row in 0..<weights.rows {
        for start in stride(from: 0, to: columns, by: groupWidth) {
          var low: Float = 0
          var high: Float = 0
          for c in start..<min(start + groupWidth, columns) {
            let w = values[row * columns + c]
            low = min(low, w)
            high = max(high, w)
          }
          largest = max(largest, symmetric ? 2 * max(-low, high) : high - low)
        }
      }
      return largest
    }
  }
}
