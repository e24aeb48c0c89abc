import Bytes
import Checkpoints
import Numerics

/// The objective of prompt learning: the mean loss of a batch after a soft prompt or with another
/// adapter, and its gradient with respect to the adapter alone, through frozen weights (arXiv
/// 2305.11186 §3).
///
/// The prompt's rows are computed once for the whole batch. No gradient of a weight is ever formed,
/// and below the first block only the prompt's rows have one. Buffers are kept between steps of one
/// shape. Not thread-safe.
package final class PromptObjective {
  let model: LanguageModel
  private let budget: MemoryBudget
  private var buffers: TrainingBuffers?

  package init(_ model: LanguageModel, budget: MemoryBudget = .standard) {
    self.model = model
    self.budget = budget
  }

  /// Upper estimate of a step's memory besides the weights, in bytes.
  ///
  /// - Parameters:
  ///   - prompt: rows of the prompt.
  ///   - sequences: number of sequences of `length` tokens after it.
  package static func byteCount(
    _ c: ModelConfiguration, prompt: Int, sequences: Int, length: Int, budget: MemoryBudget
  ) -> Int {
    let plan = RowPlan(rowsOf: c, prefix: prompt, sequences: sequences, length: length)
    let perBlock = BlockActivations.byteCount(c, plan: plan)
    let kept = min(c.layers, budget.count(of: perBlock))
    let blocks = (kept + (kept < c.layers ? 1 : 0)) * perBlock
    let stream = 4 * plan.rows * c.hiddenSize * (c.layers + 1)
    let scratch = perBlock + 4 * plan.rows * (4 * c.hiddenSize + 2 * c.intermediateSize)
    // The head's partial sums, and its rows in the forward and backward pass.
    let head = (32 << 20) + 8 * plan.rows * c.embeddingSize
    return stream + blocks + scratch + head
  }

  /// One step's loss in nats per scored token, and its gradient with respect to the prompt [n, e].
  ///
  /// - Parameters:
  ///   - sequences: B sequences of one length T ≥ 2; targets are tokens 1 ..< T of each.
  ///   - prompt: the soft prompt [n, e], n ≥ 1.
  ///   - target: the loss that each target contributes.
  /// - Throws: `usage` if the prompt's width isn't the model's, or a sequence doesn't fit.
  package func gradient(
    sequences: [[Int32]], prompt: Tensor, against target: LossTarget = .tokens
  ) throws(Failure) -> (loss: Double, gradient: Tensor) {
    try model.check(prompt: prompt)
    let (ids, length) = try checked(sequences)
    let b = try buffers(
      prefix: prompt.rows, isCached: false, sequences: sequences.count, length: length)
    let input = b.residual[0]
    let positions = b.plan.positions
    model.input.enter(
      prompt, at: Array(positions[..<prompt.rows]), into: input.rows(0..<prompt.rows),
      arithmetic: model.arithmetic)
    model.input.enter(
      ids, at: Array(positions[prompt.rows...]), into: input.rows(b.plan.sequenceRows),
      arithmetic: model.arithmetic)
    try forward(b, Adapted(model: model))
    let loss = lossGradient(b, target, labels: Scorer.targets(sequences))
    try backward(b, Adapted(model: model))
    let gradient = b.gradient.rows(0..<prompt.rows)
    return (loss, model.input.backward(gradient, arithmetic: model.arithmetic))
  }

  /// All tokens of a batch, one sequence after the other, and the length of its sequences.
  /// - Throws: `usage` if lengths differ or are below 2, or an id is outside the vocabulary.
  func checked(_ sequences: [[Int32]]) throws(Failure) -> (ids: [Int32], length: Int) {
    let length = sequences.first?.count ?? 0
    guard length > 1, sequences.allSatisfy({ $0.count == length }) else {
      throw Failure(
        .usage, "the sequences of a batch differ in length or have fewer than two tokens",
        advice: "use sequences of one length, two tokens or more")
    }
    let ids = sequences.flatMap(\.self)
    try model.check(ids)
    return (ids, length)
  }

  /// Runs all blocks; leaves the residual stream before each block, and the activations that fit
  /// the budget, in `b`.
  func forward(_ b: TrainingBuffers, _ adapted: Adapted) throws(Failure) {
    for layer in 0..<model.configuration.layers {
      let activations = b.activations(of: layer)
      activations.input = b.residual[layer]
      adapted.prepare(activations, layer: layer)
      try adapted.model.block(layer).forward(
        activations, plan: b.plan, scratch: b.scratch, into: b.residual[layer + 1])
    }
  }

  /// Runs output layer, head and loss on the sequences' rows; leaves d(loss)/d(last residual) in
  /// `b.gradient` and returns the loss.
  func lossGradient(_ b: TrainingBuffers, _ target: LossTarget, labels: [Int32]) -> Double {
    let rows = b.plan.sequenceRows
    let x = b.residual[model.configuration.layers].rows(rows)
    model.output.forward(x, b.output, arithmetic: model.arithmetic, into: b.hidden)
    let loss = target.gradient(
      hidden: b.hidden, head: model.head, labels: labels, into: b.hiddenGradient,
      arithmetic: model.arithmetic)
    // No loss depends on the prompt's own rows after the last block.
    b.gradient.fill(0)
    model.output.backward(
      b.hiddenGradient, x: x, b.output, arithmetic: model.arithmetic, into: b.gradient.rows(rows))
    return loss
  }

  /// Runs the backward pass through all blocks; leaves d(loss)/d(block 0's input) in `b.gradient`.
  func backward(_ b: TrainingBuffers, _ adapted: Adapted) throws(Failure) {
    for layer in (0..<model.configuration.layers).reversed() {
      let block = try adapted.model.block(layer)
      let activations = b.activations(of: layer)
      if layer < b.firstKept {
        activations.input = b.residual[layer]
        adapted.prepare(activations, layer: layer)
        block.recompute(activations, plan: b.plan, scratch: b.scratch)
      }
      // Below the first block only a prompt's rows need a gradient.
      let wanted = layer == 0 ? 0..<b.plan.sequenceRows.lowerBound : 0..<b.plan.rows
      block.backward(
        b.gradient, activations: activations, plan: b.plan, scratch: b.backward, wanted: wanted,
        learned: adapted.gradients(of: layer, scratch: b.scratch))
    }
  }

  /// The buffers of a step of this shape: those of the last step if its shape was the same.
  /// - Parameter isCached: whether the prefix's keys and values are given, so that its rows aren't
  ///   computed.
  func buffers(
    prefix: Int, isCached: Bool, sequences: Int, length: Int
  ) throws(Failure) -> TrainingBuffers {
    if let buffers {
      let shape = buffers.plan.shape
      if shape.prefix == prefix, shape.sequences == sequences, shape.length == length,
        shape.queriesFromPrefix == !isCached
      {
        return buffers
      }
    }
    buffers = nil
    let plan = try RowPlan(
      model.configuration, prefix: prefix, sequences: sequences, length: length,
      cachedPrefix: isCached)
    let new = TrainingBuffers(model, plan: plan, budget: budget)
    buffers = new
    return new
  }
}

extension LanguageModel {
  /// Loss of one batch in nats per scored token, and its gradient with respect to the prompt [n,
  /// e]. For many steps, use a `PromptObjective`.
  package func promptGradient(
    sequences: [[Int32]], prompt: Tensor, budget: MemoryBudget = .standard
  ) throws(Failure) -> (loss: Double, gradient: Tensor) {
    try PromptObjective(self, budget: budget).gradient(sequences: sequences, prompt: prompt)
  }
}
