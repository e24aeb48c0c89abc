import Bytes
import Checkpoints
import Numerics

/// A forward pass over one text at a time that stops after every block, so that the block's attention and
/// output can be looked at.
///
/// The rows are the text's alone: a prompt's keys and values are computed once, when the probe is made.
/// Not thread-safe.
package final class LayerProbe {
  private let model: LanguageModel
  private let cache: KeyValueCache?
  private let pass: ForwardPass

  /// - Parameters:
  ///   - adapter: learned parameters beside the frozen model; nil for none.
  ///   - length: tokens of each text.
  /// - Throws: `usage` if the adapter isn't for this model, or the model has too few positions.
  package init(
    _ model: LanguageModel, adapter: Adapter?, length: Int
  ) throws(Failure) {
    let (adapted, start) = try adapter?.attached(to: model) ?? (model, .none)
    self.model = adapted
    cache = start.count > 0 ? try start.cache(for: adapted) : nil
    let plan = try RowPlan(
      adapted.configuration, prefix: start.count, sequences: 1, length: length, cachedPrefix: true)
    cache?.reserve(plan.keyRows)
    pass = ForwardPass(adapted, plan: plan, cache: cache)
  }

  /// Positions of the prompt before the text's first token.
  package var promptTokens: Int { pass.plan.shape.prefix }

  /// Begins with the embeddings of the text's tokens, [length].
  /// - Throws: `usage` if an id is outside the vocabulary.
  package func begin(_ ids: [Int32]) throws(Failure) {
    precondition(ids.count == pass.plan.shape.length, "\(ids.count) tokens")
    try model.check(ids)
    pass.enter(ids)
  }

  /// Runs block `layer`. Blocks are run in their order, each once per text.
  /// - Throws: `invalidData` if the block's output isn't finite.
  package func run(_ layer: Int) throws(Failure) {
    try pass.run(layer, cache)
    guard let bad = output.firstNonFinite else { return }
    throw model.notFinite(
      at: "layer \(layer), \(pass.plan.place(of: bad / output.columns))",
      "the output is \(output[bad])")
  }

  /// The residual stream of the text's tokens after the last block that ran, [length, d]; valid until the
  /// next runs.
  package var output: Tensor { pass.x }

  /// The attention of the text's tokens in the last block that ran; valid until the next runs.
  package var attention: AttentionRows {
    AttentionRows(
      q: pass.activations.q, k: pass.activations.k, shape: pass.plan.shape)
  }

  /// Losses in nats of the text's tokens 1 ..< length after all blocks ran, as `Scorer` computes them.
  /// - Throws: `invalidData` if one isn't finite.
  package func losses(of ids: [Int32]) throws(Failure) -> [Float] {
    let losses = CrossEntropy.loss(
      hidden: try pass.hidden(pass.plan.sequenceRows), head: model.head,
      targets: Scorer.targets([ids]))
    if let bad = losses.firstNonFinite {
      throw model.notFinite(
        at: "output layer, \(pass.plan.place(of: bad))",
        "the loss of the next token is \(losses[bad])")
    }
    return Array(losses.dropLast())
  }
}
