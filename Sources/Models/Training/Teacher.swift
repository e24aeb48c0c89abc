import Bytes
import Numerics

/// The uncompressed model, as far as a student learns from it: what it says of texts that stand
/// alone, without any prompt. Not for use from two threads at once.
package final class Teacher {
  private let model: LanguageModel
  private let scorer: Scorer

  package init(_ model: LanguageModel) throws(Failure) {
    self.model = model
    scorer = try Scorer(model)
  }

  /// The whole divergence from this teacher on B sequences of one length T.
  /// - Parameter share: of the divergence in the loss, the rest is cross-entropy.
  package func target(_ sequences: [[Int32]], share: Double) throws(Failure) -> LossTarget {
    .teacher(
      hidden: try scorer.hidden(sequences, length: sequences.first?.count ?? 0), head: model.head,
      share: share)
  }

  /// The k most likely next tokens after every token of B sequences of one length T, [B·T] rows.
  package func top(_ k: Int, of sequences: [[Int32]]) throws(Failure) -> SoftTargets {
    let hidden = try scorer.hidden(sequences, length: sequences.first?.count ?? 0)
    return TopTokens.run(hidden: hidden, head: model.head, k: k, arithmetic: model.arithmetic)
  }
}
