/// A rule that chooses one of several prompts by the first tokens of a text.
package enum RoutingRule: String, Sendable, CaseIterable {
  /// Highest attention of the first block to one learned key per prompt; nearly free.
  case keys
  /// Lowest mean loss of the text's first tokens after the prompt; costs a forward pass over those
  /// tokens per prompt.
  case loss
  /// Highest attention of the first block to the prompt's own rows (inference-time dynamic
  /// prompting, arXiv 2310.00867); costs that block's attention scores.
  case attention

  /// Minimum number of deciding tokens. A text's first token has no loss.
  package var fewestTokens: Int { self == .loss ? 2 : 1 }

  /// Default number of deciding tokens, enough to tell kinds of text apart (measured in
  /// Tests/Benchmarks/Results/routing.md); nil for all.
  package var usualTokens: Int? {
    switch self {
    case .loss: 32
    case .keys: 256
    case .attention: nil
    }
  }
}
