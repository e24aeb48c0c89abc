/// A text's tokens, of which the last ones are scored.
package struct ScoredTokens: Sendable, Equatable {
  package var ids: [Int32]
  /// The place of the first token that counts, 1 ..< ids.count.
  package var firstScored: Int

  package init(ids: [Int32], firstScored: Int) {
    precondition(firstScored > 0 && firstScored < ids.count, "\(firstScored) of \(ids.count)")
    self.ids = ids
    self.firstScored = firstScored
  }

  /// Number of tokens that count.
  package var scored: Int { ids.count - firstScored }

  /// The last `most` tokens; nil if one that counts, or the token before the first, isn't among them.
  package func last(_ most: Int) -> ScoredTokens? {
    let dropped = max(0, ids.count - most)
    guard firstScored - dropped > 0 else { return nil }
    return ScoredTokens(ids: Array(ids[dropped...]), firstScored: firstScored - dropped)
  }
}

/// The log-likelihood of a text's scored tokens.
package struct ContinuationScore: Sendable, Equatable {
  /// Sum of the scored tokens' log-probabilities, in nats; at most 0.
  package let logLikelihood: Double
  /// Number of scored tokens.
  package let tokens: Int
  /// Whether each scored token is the likeliest one; nil if that wasn't asked for.
  package let isGreedy: Bool?

  package init(logLikelihood: Double, tokens: Int, isGreedy: Bool?) {
    self.logLikelihood = logLikelihood
    self.tokens = tokens
    self.isGreedy = isGreedy
  }
}
