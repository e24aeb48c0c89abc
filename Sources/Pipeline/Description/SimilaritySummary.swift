import Bytes

/// The similarity of one kind of inner value to the full model's over all blocks: median and lowest value.
///
/// A list of all blocks is too long for a page; the lowest value shows where compression did most harm.
package struct SimilaritySummary: Equatable {
  /// The median over blocks, −1 … 1; of an even number, the mean of the two in the middle.
  package let median: Double
  /// The lowest value, −1 … 1.
  package let lowest: Double
  /// The first block that has the lowest value, from 0.
  package let block: Int
  /// The standard error of `lowest` over windows, ≥ 0; nil for a single window.
  package let standardError: Double?

  /// The summary of the values of all blocks; nil if there are none.
  /// - Parameter errors: their standard errors; nil for a single window.
  package init?(_ values: [Double], errors: [Double]?) {
    guard let block = values.indices.min(by: { values[$0] < values[$1] }) else { return nil }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    lowest = values[block]
    self.block = block
    standardError = errors.flatMap { $0.indices.contains(block) ? $0[block] : nil }
  }

  /// "0.9950".
  package var medianText: String { Figure.fixed(median, 4) }

  /// "0.9123 ± 0.0045 (block 3)".
  package var lowestText: String {
    let error = standardError.map { " ± \(Figure.fixed($0, 4))" } ?? ""
    return "\(Figure.fixed(lowest, 4))\(error) (block \(block))"
  }
}
