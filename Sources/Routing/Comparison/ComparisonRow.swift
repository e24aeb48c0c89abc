/// One row of a comparison's table, by the prompt that its windows get.
package enum ComparisonRow: Hashable, Sendable {
  /// No prompt.
  case without
  /// The prompt of this index before every window.
  case prompt(Int)
  /// The prompt that a rule chooses for each window.
  case chosen(ComparisonRule)
}
