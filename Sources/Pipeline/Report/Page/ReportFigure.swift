import Bytes
import Foundation

/// Numbers as a report writes them.
enum ReportFigure {
  /// A perplexity: two decimals where they can matter.
  static func perplexity(_ value: Double) -> String {
    value.magnitude < 1000
      ? Figure.fixed(value, 2)
      : value.magnitude < 100_000 ? Figure.fixed(value, 1) : Figure.short(value)
  }

  /// A standard error with two significant digits: more would claim to know it better than it is.
  static func error(_ value: Double) -> String {
    guard value.isFinite, value > 0 else { return Figure.short(value) }
    let digits = 1 - Int(floor(log10(value)))
    return (0...9).contains(digits)
      ? Figure.fixed(value, digits)
      : value >= 10 && value < 1e6 ? Figure.fixed(value, 0) : Figure.short(value)
  }

  /// A share as a percentage; small ones with two decimals: `0.24 %`, `11.2 %`.
  static func share(_ share: Double) -> String {
    Figure.fixed(100 * share, share.magnitude < 0.01 ? 2 : 1) + " %"
  }

  /// A share as a percentage with its sign: `+2.1 %`, `−0.4 %`.
  static func change(_ share: Double) -> String { signed(share * 100, 1) + " %" }

  /// A number with its sign; minus is U+2212, as wide as a plus.
  static func signed(_ value: Double, _ decimals: Int) -> String {
    let text = Figure.fixed(value.magnitude, decimals)
    // A number that rounds to zero has no sign.
    let isZero = text.allSatisfy { $0 == "0" || $0 == "." }
    return (isZero ? "" : value < 0 ? "−" : "+") + text
  }

  /// A position from 0 to `of` as a percentage for SVG and CSS, within the drawing.
  static func place(_ value: Double, of whole: Double) -> String {
    guard value.isFinite, whole.isFinite, whole > 0 else { return "0%" }
    return Figure.fixed(100 * min(1, max(0, value / whole)), 2) + "%"
  }

  /// Round numbers that divide `low ... high` into three to seven parts.
  static func ticks(_ low: Double, _ high: Double) -> [Double] {
    let span = high - low
    guard span.isFinite, span > 0 else { return [low] }
    let power = pow(10, floor(log10(span / 4)))
    let step = [1.0, 2, 5, 10].map { $0 * power }.first { span / $0 <= 6 } ?? 10 * power
    // Of numbers that differ only in their last digits no tick is a round one.
    guard max(low.magnitude, high.magnitude) / step < 1e9 else { return [low, high] }
    let first = Int((low / step).rounded(.up))
    let last = Int((high / step).rounded(.down))
    guard first <= last, last - first < 20 else { return [low, high] }
    return (first...last).map { Double($0) * step }
  }
}
