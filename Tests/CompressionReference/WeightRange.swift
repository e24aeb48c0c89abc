import Compression
import TestSupport

extension ReferenceSolver {
  /// The range of a group's weights, 0 included, and a bound on the errors of its ends in float32.
  package struct WeightRange: Sendable {
    var low: Double
    var high: Double
    var error: Double

    init(_ weights: some Collection<Double>, error: Double) {
      (low, high) = (min(0, weights.min() ?? 0), max(0, weights.max() ?? 0))
      self.error = error
    }
  }

  /// Whether a float32 solver can have fitted `grid` to the full range of weights in `range`.
  ///
  /// Its scale is (high − low) / (2^bits − 1), or max(high, −low) / (2^(bits−1) − ½), rounded once
  /// in each operation and then to float16; its zero is −low / scale, rounded twice. Rounding is
  /// monotonic, so both lie between the results for the ends of the weights' errors.
  package func admits(_ grid: Grid, for range: WeightRange) -> Bool {
    let top = Double(1 << bits) - 1
    let half = Double(1 << (bits - 1))
    let step =
      symmetric
      ? max(-range.low, range.high) / (half - 0.5) : (range.high - range.low) / top
    let error = symmetric ? range.error / (half - 0.5) : 2 * range.error / top
    let unit = Double(sign: .plus, exponent: scaleExponent, significand: 1)
    func stored(_ step: Double) -> Double {
      Double(min(Float16(max(0, step) / unit), .greatestFiniteMagnitude)) * unit
    }
    let rounding = Rounding.gamma(2)
    guard
      grid.scale >= stored((step - error) * (1 - rounding)),
      grid.scale <= stored((step + error) * (1 + rounding))
    else { return false }
    guard !symmetric else { return grid.zero == half }
    guard grid.scale > 0 else { return grid.zero == 0 }
    func zero(_ low: Double) -> Double {
      min(max(0, -low) / grid.scale, top).rounded(.toNearestOrEven)
    }
    return grid.zero >= zero((range.low + range.error) * (1 - rounding))
      && grid.zero <= zero((range.low - range.error) * (1 + rounding))
  }
}
