import Bytes
import Numerics

/// How likely each token of the vocabulary is, whatever else stands before it: the mean of what the model
/// expects behind one token, over tokens spread over the vocabulary.
///
/// Spread tokens, and not the first ones of a text: those are few and of one kind, and one of them weighs
/// more than what a prompt is for.
enum WordExpectations {
  /// Tokens that the mean is over. Half as many need more words of a text for the same choice.
  static let probes = 16

  /// log p [m, V] behind each of some prompts, and the one token more.
  static func logarithms(
    behind prefixes: PromptPrefixes, in model: LanguageModel
  ) throws(Failure) -> Tensor {
    let ids = spread(in: model)
    let logarithms = Tensor([prefixes.count, model.configuration.vocabularySize])
    var prompt = 0
    try prefixes.forEachBehind(ids, apart: true) { hidden, prompts in
      for own in PromptPrefixes.parts(prompts, of: ids.count) {
        mean(hidden.rows(own), model, into: logarithms.rows(prompt..<prompt + 1))
        prompt += 1
      }
    }
    return logarithms
  }

  /// log p [1, V] behind nothing but the one token.
  static func logarithms(in model: LanguageModel) throws(Failure) -> Tensor {
    let ids = spread(in: model)
    let plan = try RowPlan(model.configuration, sequences: ids.count, length: 1)
    let pass = ForwardPass(model, plan: plan)
    pass.enter(ids)
    try pass.run()
    let logarithms = Tensor([1, model.configuration.vocabularySize])
    mean(pass.hidden(plan.sequenceRows), model, into: logarithms)
    return logarithms
  }

  private static func spread(in model: LanguageModel) -> [Int32] {
    let vocabulary = model.configuration.vocabularySize
    let count = min(probes, vocabulary)
    return (0..<count).map { Int32((2 * $0 + 1) * vocabulary / (2 * count)) }
  }

  private static func mean(_ hidden: Tensor, _ model: LanguageModel, into row: Tensor) {
    let logits = Tensor(uninitialized: [hidden.rows, row.columns])
    for start in stride(from: 0, to: hidden.rows, by: FewRows.most) {
      let some = start..<min(hidden.rows, start + FewRows.most)
      FewRows.multiply(
        hidden.rows(some), [(model.head, logits.rows(some))], arithmetic: model.arithmetic)
    }
    MeanSoftmax.logarithms(logits, into: row)
  }
}
