import Bytes

/// A rule that chooses one of several prompts for each text. It is all that scoring and generation
/// know of routing.
package protocol PromptChooser: Sendable {
  /// Rows of the longest prompt that can be chosen.
  var longest: Int { get }

  /// Chooses the prompt of a text that begins with `ids`, and makes that prompt's keys and values
  /// the prefix of `cache`.
  ///
  /// - Throws: `usage` if an id is outside the vocabulary, or the model has too few positions for
  ///   the longest prompt and all of `ids`.
  func choose(for ids: [Int32], into cache: KeyValueCache) throws(Failure) -> PromptChoice
}

/// The prompt chosen for one text, with the scores it was chosen by.
package struct PromptChoice: Sendable, Equatable {
  /// One score per prompt; the highest wins. The unit depends on the rule.
  package let scores: [Double]
  /// Index of the prompt with the highest score, the first among equals.
  package let index: Int

  /// - Parameter scores: one per prompt, at least one.
  package init(scores: [Double]) {
    self.scores = scores
    index = scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
  }
}
