import Bytes
import Checkpoints
import Numerics

/// The mean loss of a batch after a soft prompt, and its gradient with respect to the prompt alone,
/// through frozen weights (arXiv 2305.11186 §3); or with another adapter, and to its parameters
/// alone.
///
/// The prompt's rows are computed once for the whole batch. No gradient of a weight is ever formed,
/// and below the first block only the prompt's rows are followed. Buffers are kept between steps of
/// one shape. Not for use from two threads at once.
package final class PromptObjective {
  let model: LanguageModel
  private let budget: MemoryBudget
  private var buffers: TrainingBuffers?

  package init(_ model: LanguageModel, budget: MemoryBudget = .standard) {
    self.model = model
    self.budget = budget
  }

  /// Bytes that a step takes beside the weights, estimated from above.
  ///
  /// - Parameters:
  ///   - prompt: rows of the prompt.
  ///   - sequences: sequences of `length` tokens after it.
  package static func byteCount(
    _ c: ModelConfiguration, prompt: Int, sequences: Int, length: Int, budget: MemoryBudget
  ) -> Int {
    let plan = RowPlan(rowsOf: c, prefix: prompt, sequences: sequences, length: length)
    let perBlock = BlockActivations.byteCount(c, plan: plan)
    let kept = min(c.layers, budget.count(of: perBlock))
    let blocks = (kept + (kept < c.layers ? 1 : 0)) * perBlock
    let stream = 4 * plan.rows * c.hiddenSize * (c.layers + 1)
    let scratch = perBlock + 4 * plan.rows * (4 * c.hiddenSize + 2 * c.intermediateSize)
    // The head's partial sums, and its rows forwards and backwards.
    let head = (32 << 20) + 8 * plan.rows * c.embeddingSize
    return stream + blocks + scratch + head
  }

  /// One step's loss in nats per scored token, and its gradient [n, d].
  ///
  /// - Parameters:
  ///   - sequences: B sequences of the same length T ≥ 2; targets are tokens 1 ..< T of each.
  ///   - prompt: [n, d], n ≥ 1.
  ///   - target: the loss of the sequences' tokens.
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

  /// All tokens of a batch, and the length of its sequences.
  func checked(_ sequences: [[Int32]]) throws(Failure) -> (ids: [Int32], length: Int) {
    let length = sequences.first?.count ?? 0
    guard length > 1, sequences.allSatisfy({ $0.count == length }) else {
      throw Failure(.usage, "a batch needs sequences of one length, two tokens or more")
    }
    let ids = sequences.flatMap(\.self)
    try model.check(ids)
    return (ids, length)
  }

  func forward(_ b: TrainingBuffers, _ adapted: Adapted) throws(Failure) {
    for layer in 0..<model.configuration.layers {
      let activations = b.activations(of: layer)
      activations.input = b.residual[layer]
      adapted.prepare(activations, layer: layer)
      try adapted.model.block(layer).forward(
        activations, plan: b.plan, scratch: b.scratch, into: b.residual[layer + 1])
    }
  }

  /// Output layer, head and loss on the sequences' rows; leaves d(loss)/d(last residual) in
  /// `b.gradient`.
  func lossGradient(_ b: TrainingBuffers, _ target: LossTarget, labels: [Int32]) -> Double {
    let rows = b.plan.sequenceRows
    let x = b.residual[model.configuration.layers].rows(rows)
    model.output.forward(x, b.output, arithmetic: model.arithmetic, into: b.hidden)
    let loss = target.gradient(
      hidden: b.hidden, head: model.head, labels: labels, into: b.hiddenGradient,
      arithmetic: model.arithmetic)
    // The prompt's own rows leave the last block unread.
    b.gradient.fill(0)
    model.output.backward(
      b.hiddenGradient, x: x, b.output, arithmetic: model.arithmetic, into: b.gradient.rows(rows))
    return loss
  }

  func backward(_ b: TrainingBuffers, _ adapted: Adapted) throws(Failure) {
    for layer in (0..<model.configuration.layers).reversed() {
      let block = try adapted.model.block(layer)
      let activations = b.activations(of: layer)
      if layer < b.firstKept {
        activations.input = b.residual[layer]
        adapted.prepare(activations, layer: layer)
        block.recompute(activations, plan: b.plan, scratch: b.scratch)
      }
      // Under the first block, only the rows of a prompt.
      let wanted = layer == 0 ? 0..<b.plan.sequenceRows.lowerBound : 0..<b.plan.rows
      block.backward(
        b.gradient, activations: activations, plan: b.plan, scratch: b.backward, wanted: wanted,
        learned: adapted.gradients(of: layer, scratch: b.scratch))
    }
  }

  /// - Parameter isCached: whether the prefix's keys and values are given, and its rows not
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
  /// Loss and prompt gradient of one batch. For many steps, use a `PromptObjective`.
  package func promptGradient(
    sequences: [[Int32]], prompt: Tensor, budget: MemoryBudget = .standard
  ) throws(Failure) -> (loss: Double, gradient: Tensor) {
    try PromptObjective(self, budget: budget).gradient(sequences: sequences, prompt: prompt)
  }
}
