import Bytes

/// A choice among prompts for every input.
public struct PromptRouting: Sendable {
  /// By what an input chooses.
  public enum Rule: String, Sendable, CaseIterable {
    /// How likely the input's words are behind each prompt, whatever stands before them; at no price per
    /// input, after one pass per bundle.
    case words
    /// The lowest loss over the input's first tokens behind each prompt, at the price of a pass over those
    /// tokens per prompt.
    case loss
    /// The attention that falls on each prompt in the first block, at the price of that block's scores.
    case attention

    /// The fewest tokens that can decide; the first has no loss.
    public var least: Int { self == .loss ? 2 : 1 }
  }

  public let prefixes: PromptPrefixes
  public let rule: Rule
  /// How many tokens of an input decide, counted from its first; nil for all. The tokens behind
  /// them are then no part of the choice.
  public let deciding: Int?
  /// Where words decide.
  let expectations: WordExpectations?

  /// As many tokens as it takes to tell kinds of text apart (README, "Several prompts"); nil for all.
  public static func usual(_ rule: Rule) -> Int? {
    switch rule {
    case .loss: 32
    case .words: 256
    case .attention: nil
    }
  }

  /// - Parameter deciding: nil for `usual`.
  /// - Throws: `usage` where nothing would decide: no token, or only the first, which has no loss.
  public init(
    _ prefixes: PromptPrefixes, in model: LanguageModel, rule: Rule = .attention,
    deciding: Int? = nil
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
    expectations = rule == .words ? try WordExpectations(prefixes, in: model) : nil
  }
}

/// Which prompt an input keeps.
public struct PromptChoice: Sendable, Equatable {
  /// Per prompt. By attention: the mean over heads and deciding tokens of what falls on it where all
  /// prompts are seen at once, divided by its number of rows. By loss: minus the mean loss in nats of the
  /// deciding tokens but the first; all 0 where there is only that one. By words: the mean over the deciding
  /// tokens of the logarithm of how likely each is.
  public let scores: [Double]
  /// The number of the prompt with the highest score, the first among equals.
  public let index: Int

  /// - Parameter scores: at least one.
  public init(scores: [Double]) {
    self.scores = scores
    index = scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
  }
}
