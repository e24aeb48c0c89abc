import Bytes

/// A choice among prompts for every input.
package struct PromptRouting: Sendable {
  /// By what an input chooses.
  package enum Rule: String, Sendable, CaseIterable {
    /// The attention that the first block's queries pay to one learned key of each prompt; at next to no price.
    case keys
    /// The lowest loss over the input's first tokens behind each prompt, at the price of a pass over those
    /// tokens per prompt.
    case loss
    /// The attention that falls on each prompt's own rows in the first block, at the price of that block's
    /// scores (inference-time dynamic prompting, arXiv 2310.00867).
    case attention

    /// The fewest tokens that can decide; the first has no loss.
    package var least: Int { self == .loss ? 2 : 1 }
  }

  package let prefixes: PromptPrefixes
  package let rule: Rule
  /// How many tokens of an input decide, counted from its first; nil for all. The tokens behind
  /// them are then no part of the choice.
  package let deciding: Int?
  /// Where keys decide, one for each prompt.
  let keys: [RoutingKey]

  /// Default number of deciding tokens, enough to tell kinds of text apart
  /// (Tests/Benchmarks/Results/routing.md); nil for all.
  package static func usual(_ rule: Rule) -> Int? {
    switch rule {
    case .loss: 32
    case .keys: 256
    case .attention: nil
    }
  }

  /// - Parameters:
  ///   - deciding: nil for `usual`.
  ///   - keys: the prompts' routing keys where they are known; those that decide and aren't are learned here.
  /// - Throws: `usage` where nothing would decide: no token, or only the first, which has no loss;
  ///   `invalidData` where a key is of another model.
  package init(
    _ prefixes: PromptPrefixes, in model: LanguageModel, rule: Rule = .keys,
    deciding: Int? = nil, keys: [RoutingKey]? = nil
  ) throws(Failure) {
    let least = rule.least
    guard deciding ?? least >= least else {
      throw Failure(
        .usage, "a choice by the \(rule.rawValue) of \(deciding ?? 0) tokens",
        advice: "use \(least) or more")
    }
    self.prefixes = prefixes
    self.rule = rule
    self.deciding = deciding ?? Self.usual(rule)
    if rule == .keys {
      if let keys {
        self.keys = keys
      } else {
        self.keys = try RoutingKey.learn(prefixes, in: model)
      }
      precondition(self.keys.count == prefixes.count, "a key for each prompt")
      for key in self.keys { try key.check(model.configuration) }
    } else {
      self.keys = []
    }
  }

  /// Which prompt an input that begins with `ids` keeps; it then stands behind that one alone.
  ///
  /// - Throws: `usage` where an id lies outside the vocabulary, or the model has no positions for all of them.
  package func choose(_ ids: [Int32]) throws(Failure) -> PromptChoice {
    let first = Array(ids.prefix(deciding ?? ids.count))
    switch rule {
    case .keys: return try RoutingKey.choose(first, behind: prefixes, among: keys)
    case .loss: return try prefixes.choose(byLossOf: first)
    case .attention: return try prefixes.choose(byAttentionOf: first)
    }
  }
}

/// Which prompt an input keeps.
package struct PromptChoice: Sendable, Equatable {
  /// Per prompt. By keys: the mean over deciding tokens of their logits for the prompt's key. By attention: the
  /// mean over heads and deciding tokens of what falls on the prompt's rows where all prompts are seen at once,
  /// divided by their number. By loss: minus the mean loss in nats of the deciding tokens but the first; all
  /// 0 where there is only that one.
  package let scores: [Double]
  /// The number of the prompt with the highest score, the first among equals.
  package let index: Int

  /// - Parameter scores: at least one.
  package init(scores: [Double]) {
    self.scores = scores
    index = scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
  }
}
