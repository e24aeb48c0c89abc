import Bytes
import Numerics

/// How likely each token of the vocabulary is behind each of several prompts, whatever else stands before
/// it: the mean of what the model expects behind the prompt and one token more, over tokens spread over the
/// vocabulary. It is the same for all texts, so that a text's choice takes no pass through the model.
///
/// Spread tokens, and not the first ones of a text: those are few and of one kind, and one of them weighs
/// more than what a prompt is for.
struct WordExpectations: Sendable {
  /// Tokens that the mean is over. Half as many need more words of a text for the same choice.
  static let probes = 16

  /// log p [m, V].
  let logarithms: Tensor

  init(_ prefixes: PromptPrefixes, in model: LanguageModel) throws(Failure) {
    let vocabulary = model.configuration.vocabularySize
    let probes = min(Self.probes, vocabulary)
    let ids = (0..<probes).map { Int32((2 * $0 + 1) * vocabulary / (2 * probes)) }
    logarithms = Tensor([prefixes.count, vocabulary])
    let (head, logarithms) = (model.head, logarithms)
    let logits = Tensor(uninitialized: [probes, vocabulary])
    var prompt = 0
    try prefixes.forEachBehind(ids, apart: true, in: model) { hidden, prompts in
      for own in PromptPrefixes.parts(prompts, of: probes) {
        for start in stride(from: 0, to: probes, by: FewRows.most) {
          let some = start..<min(probes, start + FewRows.most)
          FewRows.multiply(
            hidden.rows(own).rows(some), [(head, logits.rows(some))],
            arithmetic: model.askedArithmetic)
        }
        MeanSoftmax.logarithms(logits, into: logarithms.rows(prompt..<prompt + 1))
        prompt += 1
      }
    }
  }

  /// Chooses by the mean over `ids` of how likely each is.
  func choose(_ ids: [Int32]) -> PromptChoice {
    PromptChoice(
      scores: (0..<logarithms.rows).map { prompt in
        ids.reduce(0.0) { $0 + Double(logarithms[prompt, Int($1)]) } / Double(max(1, ids.count))
      })
  }
}
