import Bytes
import Checkpoints
import Numerics

extension PromptPrefixes {
  /// Rows that go through the model together; more would only take memory.
  private static let rowsAtOnce = 1024

  /// Chooses by the loss of `ids` behind each prompt alone. Prompts go side by side, so that the weights
  /// are decoded once for all of them.
  func choose(byLossOf ids: [Int32], in model: LanguageModel) throws(Failure) -> PromptChoice {
    guard ids.count > 1 else { return PromptChoice(scores: [Double](repeating: 0, count: count)) }
    let together = max(1, Self.rowsAtOnce / ids.count)
    var scores: [Double] = []
    for first in stride(from: 0, to: count, by: together) {
      scores += try losses(of: ids, behind: first..<min(count, first + together), in: model).map {
        -$0.reduce(0.0) { $0 + Double($1) } / Double(ids.count - 1)
      }
    }
    return PromptChoice(scores: scores)
  }

  /// The losses [T] of `ids` behind each of some prompts, the last of them 0.
  private func losses(
    of ids: [Int32], behind prompts: Range<Int>, in model: LanguageModel
  ) throws(Failure) -> [ArraySlice<Float>] {
    let c = model.configuration
    let plan = try RowPlan(
      c, prefix: tokens, sequences: prompts.count, length: ids.count, cachedPrefix: true)
    func own(_ sequence: Int) -> Range<Int> {
      sequence * ids.count..<(sequence + 1) * ids.count
    }
    let pass = ForwardPass(model, plan: plan)
    let copies = [[Int32]](repeating: ids, count: prompts.count)
    pass.enter(copies.flatMap(\.self))
    let behindOne = AttentionShape(
      heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, prefix: tokens, sequences: 1,
      length: ids.count, queriesFromPrefix: false)
    let keys = Tensor([behindOne.keyRows, c.kvHeads * c.headDim])
    let values = Tensor(keys.shape)
    try pass.run { a, layer in
      let (newKeys, newValues) = (a.k.rows(plan.newKeyRows), a.v.rows(plan.newKeyRows))
      for (sequence, prompt) in prompts.enumerated() {
        let (rows, known) = (own(sequence), blocks[prompt][layer])
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
    let losses = CrossEntropy.loss(
      hidden: pass.hidden(plan.sequenceRows), head: model.head, targets: Scorer.targets(copies),
      arithmetic: model.arithmetic)
    return prompts.indices.map { losses[own($0 - prompts.lowerBound)] }
  }
}
