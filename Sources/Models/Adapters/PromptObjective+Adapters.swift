import Bytes
import Checkpoints
import Numerics

extension PromptObjective {
  /// One step's loss in nats per scored token, and its gradient with respect to all of the
  /// adapter's parameters, in their order and shape.
  ///
  /// - Parameters:
  ///   - sequences: B sequences of one length T ≥ 2; targets are tokens 1 ..< T of each.
  ///   - target: the loss that each target contributes.
  /// - Throws: `usage` if the adapter isn't for this model.
  package func gradient(
    sequences: [[Int32]], adapter: Adapter, against target: LossTarget = .tokens
  ) throws(Failure) -> (loss: Double, gradient: Tensor) {
    switch adapter {
    case .prompt(let prompt):
      return try gradient(sequences: sequences, prompt: prompt, against: target)
    case .prefix(let prefix):
      let c = model.configuration
      _ = try KeyValues(rows: prefix.rows, tokens: prefix.tokens, for: c)
      let rows = Tensor(prefix.rows.shape)
      let gradient = try KeyValues(rows: rows, tokens: prefix.tokens, for: c)
      let loss = try step(
        sequences, target, Adapted(model: model, prefix: prefix, prefixGradient: gradient))
      return (loss, rows)
    case .lowRank(let parts):
      let numbers = Tensor([parts.parameters.count])
      let gradient = try LowRankAdapter(
        parameters: numbers, shape: parts.shape, for: model.configuration)
      let loss = try step(
        sequences, target, Adapted(model: model.adapted(by: parts), lowRankGradient: gradient))
      return (loss, numbers)
    }
  }

  /// Forward and backward pass over the sequences' own rows; fills the gradients, returns the loss.
  private func step(
    _ sequences: [[Int32]], _ target: LossTarget, _ adapted: Adapted
  ) throws(Failure) -> Double {
    let (ids, length) = try checked(sequences)
    let b = try buffers(
      prefix: adapted.prefix?.tokens ?? 0, isCached: true, sequences: sequences.count,
      length: length)
    model.input.enter(
      ids, at: b.plan.positions, into: b.residual[0], arithmetic: model.arithmetic)
    try forward(b, adapted)
    let loss = lossGradient(b, target, labels: Scorer.targets(sequences))
    try backward(b, adapted)
    return loss
  }

  /// The model of one step, with the adapter's parameters inside its blocks and their gradients.
  struct Adapted {
    let model: LanguageModel
    var prefix: KeyValues?
    var prefixGradient: KeyValues?
    var lowRankGradient: LowRankAdapter?

    /// Copies the prefix to the first key and value rows of block `layer`; needed before each
    /// forward pass of the block, recomputation included.
    func prepare(_ activations: BlockActivations, layer: Int) {
      prefix?.enter(layer, keys: activations.k, values: activations.v)
    }

    /// Gradient buffers for block `layer`; nil if nothing is learned inside blocks.
    func gradients(of layer: Int, scratch: ForwardScratch) -> BlockGradients? {
      guard prefixGradient != nil || lowRankGradient != nil else { return nil }
      return BlockGradients(
        prefix: prefixGradient.map { ($0.keys(of: layer), $0.values(of: layer)) },
        lowRank: lowRankGradient?.parts(of: layer) ?? [:], scratch: scratch)
    }
  }
}
