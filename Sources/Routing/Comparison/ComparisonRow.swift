/// One row of a comparison: how its windows get their prompt.
package enum ComparisonRow: Hashable, Sendable {
  /// No prompt.
  case without
  /// The prompt of this number before every window.
  case prompt(Int)
  /// The prompt that a rule chooses for each window.
  case chosen(ComparisonRule)
}
