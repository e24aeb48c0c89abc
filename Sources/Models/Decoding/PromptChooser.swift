import Bytes

/// A way to choose one of several prompts for each text: all that scoring and generation know of
/// routing.
package protocol PromptChooser: Sendable {
  /// Rows of the longest prompt that can be chosen.
  var longest: Int { get }

  /// Chooses the prompt of a text that begins with `ids`, and makes that prompt's keys and values the
  /// ones that `cache` begins with.
  ///
  /// - Throws: `usage` where an id lies outside the vocabulary, or the model has no positions for the
  ///   longest prompt and all of `ids`.
  func choose(for ids: [Int32], into cache: KeyValueCache) throws(Failure) -> PromptChoice
}

/// The prompt chosen for one text, with the scores that decided.
package struct PromptChoice: Sendable, Equatable {
  /// A score per prompt; the highest wins. The rule that chooses says what it measures.
  package let scores: [Double]
  /// The number of the prompt with the highest score, the first among equals.
  package let index: Int

  /// - Parameter scores: at least one.
  package init(scores: [Double]) {
    self.scores = scores
    index = scores.indices.reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
  }
}
