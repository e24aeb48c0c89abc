import Bytes
import Checkpoints
import Numerics

extension PromptPrefixes {
  /// Rows that go through the model together; more would only take memory.
  private static let rowsAtOnce = 1024

  /// Chooses by the loss of `ids` behind each prompt alone.
  func choose(byLossOf ids: [Int32]) throws(Failure) -> PromptChoice {
    guard ids.count > 1 else { return PromptChoice(scores: [Double](repeating: 0, count: count)) }
    var scores: [Double] = []
    try forEachBehind(ids) { hidden, prompts in
      let copies = [[Int32]](repeating: ids, count: prompts)
      let losses = CrossEntropy.loss(
        hidden: hidden, head: model.head, targets: Scorer.targets(copies),
        arithmetic: model.arithmetic)
      for own in Self.parts(prompts, of: ids.count) {
        scores.append(-losses[own].reduce(0.0) { $0 + Double($1) } / Double(ids.count - 1))
      }
    }
    return PromptChoice(scores: scores)
  }

  /// The rows of each of some prompts' copies of a text.
  static func parts(_ prompts: Int, of length: Int) -> [Range<Int>] {
    (0..<prompts).map { $0 * length..<($0 + 1) * length }
  }

  /// What the output head sees of `ids` behind each prompt: [prompts·T, d] of some prompts at a time and
  /// their number. Neighbours of one length go side by side, so that the weights are decoded once for them.
  /// - Parameter apart: whether each of `ids` stands behind the prompt alone, not behind the others too.
  func forEachBehind(
    _ ids: [Int32], apart: Bool = false, _ body: (Tensor, Int) -> Void
  ) throws(Failure) {
    let together = max(1, Self.rowsAtOnce / ids.count)
    var first = 0
    while first < count {
      let alike = lengths[first...].prefix { $0 == lengths[first] }.count
      let prompts = first..<first + min(alike, together)
      body(try hidden(ids, apart: apart, behind: prompts), prompts.count)
      first = prompts.upperBound
    }
  }

  private func hidden(
    _ ids: [Int32], apart: Bool, behind prompts: Range<Int>
  ) throws(Failure) -> Tensor {
    let c = model.configuration
    let tokens = lengths[prompts.lowerBound]
    let (sequences, length) = apart ? (ids.count, 1) : (1, ids.count)
    let plan = try RowPlan(
      c, prefix: tokens, sequences: prompts.count * sequences, length: length, cachedPrefix: true)
    let own = Self.parts(prompts.count, of: ids.count)
    let pass = ForwardPass(model, plan: plan)
    pass.enter([[Int32]](repeating: ids, count: prompts.count).flatMap(\.self))
    let behindOne = AttentionShape(
      heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, prefix: tokens,
      sequences: sequences, length: length, queriesFromPrefix: false)
    let keys = Tensor([behindOne.keyRows, c.kvHeads * c.headDim])
    let values = Tensor(keys.shape)
    let blocks = try rows(of: prompts)
    try pass.run { a, layer in
      let (newKeys, newValues) = (a.k.rows(plan.newKeyRows), a.v.rows(plan.newKeyRows))
      for (rows, block) in zip(own, blocks) {
        let known = block[layer]
        keys.rows(0..<tokens).copy(from: known.k)
        values.rows(0..<tokens).copy(from: known.v)
        keys.rows(tokens..<keys.rows).copy(from: newKeys.rows(rows))
        values.rows(tokens..<keys.rows).copy(from: newValues.rows(rows))
        Attention.forward(
          q: a.q.rows(rows), k: keys, v: values, shape: behindOne, into: a.attended.rows(rows),
          arithmetic: model.arithmetic)
      }
      return true
    }
    return pass.hidden(plan.sequenceRows)
  }
}
