/// A way to choose one of several prompts by the first tokens of a text.
package enum RoutingRule: String, Sendable, CaseIterable {
  /// The first block's attention to one learned key per prompt; nearly free.
  case keys
  /// The lowest mean loss of the text's first tokens after each prompt; costs a forward pass over those
  /// tokens per prompt.
  case loss
  /// The first block's attention to each prompt's own rows (inference-time dynamic prompting, arXiv
  /// 2310.00867); costs that block's scores.
  case attention

  /// The fewest tokens that can decide. A text's first token has no loss.
  package var fewestTokens: Int { self == .loss ? 2 : 1 }

  /// Deciding tokens unless another number is asked for: as many as it takes to tell kinds of text apart
  /// (measured in Tests/Benchmarks/Results/routing.md); nil for all.
  package var usualTokens: Int? {
    switch self {
    case .loss: 32
    case .keys: 256
    case .attention: nil
    }
  }
}
