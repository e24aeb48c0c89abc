/// The median of repeated measurements, with their quartiles and extremes.
package struct Spread: Sendable, Equatable {
  /// The values in the order in which they were measured; at least one.
  package let values: [Double]

  /// - Parameter values: At least one value.
  package init(_ values: [Double]) {
    precondition(!values.isEmpty, "a spread of no values")
    self.values = values
  }

  package var median: Double { quantile(0.5) }
  package var lowerQuartile: Double { quantile(0.25) }
  package var upperQuartile: Double { quantile(0.75) }
  package var minimum: Double { quantile(0) }
  package var maximum: Double { quantile(1) }

  /// The value below which the share `share` (0 … 1) of the values lies (see `Quantile`).
  package func quantile(_ share: Double) -> Double {
    Quantile.value(of: values.sorted(), at: share * Double(values.count - 1))
  }

  /// The spread of `change` of each value.
  package func map(_ change: (Double) -> Double) -> Spread { Spread(values.map(change)) }

  /// The spread of the quotients of values that were measured in the same round, these by those of `other`.
  package func ratios(to other: Spread) -> Spread {
    Spread(zip(values, other.values).map { $0 / $1 })
  }
}
