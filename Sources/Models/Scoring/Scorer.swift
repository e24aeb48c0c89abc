import Bytes
import Checkpoints
import Numerics

/// A scorer of texts: computes the negative log-likelihood in nats of each token but the first,
/// with or without a prompt or another adapter.
///
/// A prompt's keys and values are computed once, on creation, for all windows. Buffers are kept
/// between calls. Not thread-safe.
package final class Scorer {
  /// Maximum rows of one pass; sequences of equal length are scored together up to this many rows.
  package static let rowsPerPass = 1024

  private let model: LanguageModel
  private let cache: KeyValueCache?
  private let chooser: (any PromptChooser)?
  /// The prompt chosen for each sequence of the last call to `nll`: nil for a sequence with nothing
  /// to score; empty if the scorer has no chooser.
  package private(set) var choices: [PromptChoice?] = []
  private var pass: ForwardPass?

  /// - Parameter adapter: learned parameters beside the frozen model; nil for none.
  /// - Throws: `usage` if it isn't for this model.
  package init(_ model: LanguageModel, adapter: Adapter?) throws(Failure) {
    let (adapted, start) = try adapter?.attached(to: model) ?? (model, .none)
    self.model = adapted
    chooser = nil
    cache = start.count > 0 ? try start.cache(for: adapted) : nil
  }

  /// - Parameter prompt: a soft prompt [n, e]; nil or empty for none.
  /// - Throws: `usage` if the prompt's width isn't the model's.
  package convenience init(_ model: LanguageModel, prompt: Tensor? = nil) throws(Failure) {
    try self.init(model, adapter: prompt.map { .prompt($0) })
  }

  /// Makes a scorer that gives each sequence the prompt that `chooser` chooses for it, recorded in
  /// `choices`.
  package init(_ model: LanguageModel, chooser: any PromptChooser) {
    self.model = model
    self.chooser = chooser
    cache = KeyValueCache(model.configuration, capacity: chooser.longest)
  }

  /// Negative log-likelihoods in nats: T − 1 values for each sequence of T tokens, those of tokens
  /// 1 ..< T.
  ///
  /// Token 0 is never scored, not even from the prompt's last position, so that the same tokens are
  /// scored with and without a prompt.
  ///
  /// - Throws: `invalidData` if a loss isn't finite, with the tensor or the layer and position that
  ///   cause it.
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
    let losses = try losses(batch, hidden: try hidden(batch, length: length))
    return batch.indices.map { Array(losses[$0 * length..<($0 + 1) * length - 1]) }
  }

  /// The losses in nats of a batch's next tokens, [B·T], from the head's input rows; 0 for the last
  /// row of a sequence.
  private func losses(_ batch: [[Int32]], hidden: Tensor) throws(Failure) -> [Float] {
    // Always in float32: rounding logits to bfloat16 adds 0.1 % to the perplexity (SmolLM2,
    // WikiText-2), rounding in all blocks together a third of that.
    let losses = CrossEntropy.loss(
      hidden: hidden, head: model.head, targets: Self.targets(batch))
    if let bad = losses.firstNonFinite {
      throw model.notFinite(at: place(of: bad), "the loss of the next token is \(losses[bad])")
    }
    return losses
  }

  /// The losses of one sequence of T ≥ 2 tokens in nats, as `nll` computes them, and the input rows of
  /// the output head [T, e]: token i + 1 is predicted from row i.
  /// - Throws: as `nll`.
  package func scored(_ ids: [Int32]) throws(Failure) -> (nll: [Float], hidden: Tensor) {
    precondition(ids.count > 1, "a sequence with nothing to score")
    choices = []
    let hidden = try hidden([ids], length: ids.count)
    return (Array(try losses([ids], hidden: hidden).dropLast()), hidden)
  }

  /// The place of row `row` of the last pass's sequences, for messages.
  private func place(of row: Int) -> String {
    guard let plan = pass?.plan else { return "output layer" }
    return "output layer, \(plan.place(of: plan.sequenceRows.lowerBound + row))"
  }

  /// Logits [T, V] of one sequence, in float32.
  /// - Throws: `invalidData` if one isn't finite.
  package func logits(_ ids: [Int32]) throws(Failure) -> Tensor {
    choices = []
    let hidden = try hidden([ids], length: ids.count)
    let logits = Tensor([ids.count, model.configuration.vocabularySize])
    model.head.apply(hidden, into: logits, arithmetic: model.arithmetic)
    if let bad = logits.firstNonFinite {
      throw model.notFinite(
        at: place(of: bad / logits.columns),
        "the logit of token \(bad % logits.columns) is \(logits[bad])")
    }
    return logits
  }

  /// Input rows of the output head [B·T, e] for every token of a batch of B sequences of T tokens.
  func hidden(_ batch: [[Int32]], length: Int) throws(Failure) -> Tensor {
    let ids = batch.flatMap(\.self)
    try model.check(ids)
    if let chooser, let cache { choices.append(try chooser.choose(for: ids, into: cache)) }
    let pass = try pass(sequences: batch.count, length: length)
    pass.enter(ids)
    try pass.run(cache: cache)
    return try pass.hidden(pass.plan.sequenceRows)
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

  /// The next token for each row of a batch [B·T]; −1 (not scored) for the last row of a sequence.
  package static func targets(_ batch: [[Int32]]) -> [Int32] {
    batch.flatMap { $0.dropFirst() + [-1] }
  }
}

extension LanguageModel {
  /// Negative log-likelihoods in nats of `sequences` after `prompt` [n, e]: T − 1 values for a
  /// sequence of T tokens, for the same tokens with and without a prompt. For many calls with one
  /// prompt, use a `Scorer`.
  package func nll(sequences: [[Int32]], prompt: Tensor? = nil) throws(Failure) -> [[Float]] {
    try Scorer(self, prompt: prompt).nll(sequences)
  }
}
