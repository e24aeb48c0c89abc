import Bytes
import Checkpoints
import Numerics

/// The negative log-likelihood of each real token but the first of some texts, with or without a
/// prompt or another adapter.
///
/// A prompt's keys and values are computed once, here, and serve every window. Buffers are kept
/// between calls. Not for use from two threads at once.
package final class Scorer {
  /// Rows of one pass; equally long sequences are scored together up to this many.
  package static let rowsPerPass = 1024

  private let model: LanguageModel
  private let cache: KeyValueCache?
  private let chooser: (any PromptChooser)?
  /// The prompt chosen for each sequence of the last call to `nll`; nil for those with nothing to
  /// score, empty where there is no choice.
  package private(set) var choices: [PromptChoice?] = []
  private var pass: ForwardPass?

  /// - Parameter adapter: learned parameters beside the frozen model; nil for none.
  /// - Throws: `usage` where it isn't for this model.
  package init(_ model: LanguageModel, adapter: Adapter?) throws(Failure) {
    let (adapted, start) = try adapter?.attached(to: model) ?? (model, .none)
    self.model = adapted
    chooser = nil
    cache = start.count > 0 ? try start.cache(for: adapted) : nil
  }

  /// - Parameter prompt: soft prompt [n, d], nil or empty for none.
  /// - Throws: `usage` where the prompt's width isn't the model's.
  package convenience init(_ model: LanguageModel, prompt: Tensor? = nil) throws(Failure) {
    try self.init(model, adapter: prompt.map { .prompt($0) })
  }

  /// A scorer that gives each sequence the prompt that `chooser` chooses for it; `choices` has them.
  package init(_ model: LanguageModel, chooser: any PromptChooser) {
    self.model = model
    self.chooser = chooser
    cache = KeyValueCache(model.configuration, capacity: chooser.longest)
  }

  /// Negative log-likelihoods in nats: for each sequence of T tokens its T − 1 targets, tokens 1
  /// ..< T.
  ///
  /// Token 0 is never scored, not even by the prompt's last position, so that the same tokens are
  /// scored with and without a prompt.
  package func nll(_ sequences: [[Int32]]) throws(Failure) -> [[Float]] {
    var result: [[Float]] = []
    choices = []
    var start = 0
    while start < sequences.count {
      let length = sequences[start].count
      let most = chooser == nil ? max(1, Self.rowsPerPass / max(1, length)) : 1
      var end = start + 1
      while end < sequences.count, end - start < most, sequences[end].count == length { end += 1 }
      result += try score(Array(sequences[start..<end]), length: length)
      start = end
    }
    return result
  }

  private func score(_ batch: [[Int32]], length: Int) throws(Failure) -> [[Float]] {
    guard length > 1 else {
      if chooser != nil { choices.append(nil) }
      return batch.map { _ in [] }
    }
    let hidden = try hidden(batch, length: length)
    // Always in float32: logits rounded to bfloat16 add 0.1 % to a perplexity (SmolLM2, WikiText-2),
    // all blocks together a third of that.
    let losses = CrossEntropy.loss(
      hidden: hidden, head: model.head, targets: Self.targets(batch))
    return batch.indices.map { Array(losses[$0 * length..<($0 + 1) * length - 1]) }
  }

  /// Logits [T, V] of one sequence, in float32.
  package func logits(_ ids: [Int32]) throws(Failure) -> Tensor {
    choices = []
    let hidden = try hidden([ids], length: ids.count)
    let logits = Tensor([ids.count, model.configuration.vocabularySize])
    model.head.apply(hidden, into: logits, arithmetic: model.arithmetic)
    return logits
  }

  /// Input rows of the output head for every token of the batch [B·T, e].
  func hidden(_ batch: [[Int32]], length: Int) throws(Failure) -> Tensor {
    let ids = batch.flatMap(\.self)
    try model.check(ids)
    if let chooser, let cache { choices.append(try chooser.choose(for: ids, into: cache)) }
    let pass = try pass(sequences: batch.count, length: length)
    pass.enter(ids)
    try pass.run(cache: cache)
    return pass.hidden(pass.plan.sequenceRows)
  }

  private func pass(sequences: Int, length: Int) throws(Failure) -> ForwardPass {
    let prefix = cache?.count ?? 0
    if let pass, pass.plan.shape.sequences == sequences, pass.plan.shape.length == length,
      pass.plan.shape.prefix == prefix
    {
      return pass
    }
    pass = nil
    let plan = try RowPlan(
      model.configuration, prefix: prefix, sequences: sequences, length: length,
      cachedPrefix: true)
    cache?.reserve(plan.keyRows)
    let new = ForwardPass(model, plan: plan, cache: cache)
    pass = new
    return new
  }

  /// For each row the token after it; −1 (not scored) for the last of a sequence.
  package static func targets(_ batch: [[Int32]]) -> [Int32] {
    batch.flatMap { $0.dropFirst() + [-1] }
  }
}

extension LanguageModel {
  /// Negative log-likelihoods of `sequences` after `prompt` [n, d]: T − 1 values for a sequence of
  /// T tokens, the same tokens with and without a prompt. For many calls with one prompt, use a
  /// `Scorer`.
  package func nll(sequences: [[Int32]], prompt: Tensor? = nil) throws(Failure) -> [[Float]] {
    try Scorer(self, prompt: prompt).nll(sequences)
  }
}
