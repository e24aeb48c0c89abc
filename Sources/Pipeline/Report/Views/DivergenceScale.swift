import Bytes
import Foundation

/// The logarithmic scale of the strips of one protocol, the same for all inputs, so that strips can be
/// compared.
struct DivergenceScale {
  let low: Double
  let high: Double

  /// Divergences outside are drawn at the edges: below they are rounding.
  private static let smallest = 1e-6
  private static let largest = 1e12

  /// A scale for each protocol that divergences were measured under, by its number.
  static func all(_ bundles: [ReportBundle]) -> [Int: DivergenceScale] {
    var scales: [Int: DivergenceScale] = [:]
    for score in bundles.flatMap(\.scores) {
      guard let d = score.divergence else { continue }
      let shown = d.percentiles.filter { 1...99 ~= $0.percent }.map(\.value)
      let values = (shown + [d.mean.value] + [d.maximum].compactMap(\.self)).filter {
        $0 > smallest && $0 < largest
      }
      let low = values.min() ?? smallest
      let high = max(low * 10, values.max() ?? 1)
      let old = scales[score.protocol]
      scales[score.protocol] = DivergenceScale(
        low: min(low, old?.low ?? low), high: max(high, old?.high ?? high))
    }
    return scales
  }

  /// The place of a divergence, 0…1.
  func place(_ value: Double) -> Double {
    guard value > 0 else { return 0 }
    return min(1, max(0, log(value / low) / log(high / low)))
  }

  /// A power of ten in few characters: `1e-4`, `0.1`, `10`.
  static func label(_ tick: Double) -> String {
    let power = Int(log10(tick).rounded())
    return power < -2 ? "1e\(power)" : Figure.short(tick)
  }

  /// Powers of ten within the scale; at most four of them.
  var ticks: [Double] {
    let first = Int(log10(low).rounded(.up))
    let last = Int(log10(high).rounded(.down))
    guard first <= last else { return [] }
    let step = max(1, (last - first + 3) / 4)
    return stride(from: first, through: last, by: step).map { pow(10, Double($0)) }
  }
}
