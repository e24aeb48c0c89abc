import Bytes
import Numerics

/// The uncompressed model as a teacher: its predictions on texts without a prompt. Not thread-safe.
package final class Teacher {
  private let model: LanguageModel
  private let scorer: Scorer

  package init(_ model: LanguageModel) throws(Failure) {
    self.model = model
    scorer = try Scorer(model)
  }

  /// The loss target for B sequences of one length T: divergence from this teacher over the whole
  /// vocabulary.
  /// - Parameter share: the divergence's weight in the loss, 0 ... 1; the rest is cross-entropy.
  package func target(_ sequences: [[Int32]], share: Double) throws(Failure) -> LossTarget {
    .teacher(
      hidden: try scorer.hidden(sequences, length: sequences.first?.count ?? 0), head: model.head,
      share: share)
  }

  /// The k most likely next tokens after each token of B sequences of one length T, [B·T] rows.
  package func top(_ k: Int, of sequences: [[Int32]]) throws(Failure) -> SoftTargets {
    let hidden = try scorer.hidden(sequences, length: sequences.first?.count ?? 0)
    let top = TopTokens.run(
      hidden: hidden, head: model.head, k: k, arithmetic: model.arithmetic)
    if let bad = top.probabilities.firstNonFinite {
      throw model.notFinite(
        at: "the teacher's row \(bad / k)", "a probability is \(top.probabilities[bad])")
    }
    return top
  }

  /// The failure that names the teacher's first tensor with a NaN or an infinity; nil for none.
  package func damagedTensor() -> Failure? { model.damagedTensor() }
}
