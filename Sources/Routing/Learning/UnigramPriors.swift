import Bytes
import Models
import Numerics

/// Probabilities of the vocabulary's tokens regardless of context: the mean of the model's
/// predictions after single probe tokens, which are spread evenly over the vocabulary.
///
/// The first tokens of a text would be poor probes: they are few and alike, and any one of them
/// affects the predictions more than the kind of text that a prompt is for.
enum UnigramPriors {
  /// Number of probe tokens. With half as many, an equally good choice needs more words of a text.
  static let probes = 16

  /// Logarithms of the probabilities after each of m prompts, [m, V].
  static func logarithms(after prefixes: PromptPrefixes) throws(Failure) -> Tensor {
    let model = prefixes.model
    let ids = probeTokens(of: model)
    let logarithms = Tensor([prefixes.count, model.configuration.vocabularySize])
    var prompt = 0
    try prefixes.forEachHidden(ids, independent: true) { hidden, prompts in
      for own in PromptPrefixes.parts(prompts, of: ids.count) {
        meanLogarithms(hidden.rows(own), model, into: logarithms.rows(prompt..<prompt + 1))
        prompt += 1
      }
    }
    try check(logarithms, model)
    return logarithms
  }

  /// Logarithms of the probabilities without a prompt, [1, V].
  static func logarithms(in model: LanguageModel) throws(Failure) -> Tensor {
    let ids = probeTokens(of: model)
    let plan = try RowPlan(model.configuration, sequences: ids.count, length: 1)
    let pass = ForwardPass(model, plan: plan)
    pass.enter(ids)
    try pass.run()
    let logarithms = Tensor([1, model.configuration.vocabularySize])
    meanLogarithms(try pass.hidden(plan.sequenceRows), model, into: logarithms)
    try check(logarithms, model)
    return logarithms
  }

  private static func check(_ logarithms: Tensor, _ model: LanguageModel) throws(Failure) {
    guard let bad = logarithms.firstNonFinite else { return }
    throw model.notFinite(
      at: "output layer",
      "the probability of token \(bad % logarithms.columns) is not a finite number")
  }

  private static func probeTokens(of model: LanguageModel) -> [Int32] {
    let vocabulary = model.configuration.vocabularySize
    let count = min(probes, vocabulary)
    return (0..<count).map { Int32((2 * $0 + 1) * vocabulary / (2 * count)) }
  }

  /// Writes the logarithms of the mean softmax over rows `hidden` [probes, e] to `row` [1, V].
  private static func meanLogarithms(_ hidden: Tensor, _ model: LanguageModel, into row: Tensor) {
    let logits = Tensor(uninitialized: [hidden.rows, row.columns])
    for start in stride(from: 0, to: hidden.rows, by: DecodeProducts.maxRows) {
      let some = start..<min(hidden.rows, start + DecodeProducts.maxRows)
      DecodeProducts.multiply(
        hidden.rows(some), [(model.head, logits.rows(some))], arithmetic: model.arithmetic)
    }
    MeanSoftmax.logarithms(logits, into: row)
  }
}
