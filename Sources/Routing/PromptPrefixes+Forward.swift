import Bytes
import Checkpoints
import Models
import Numerics

extension PromptPrefixes {
  /// Maximum rows of one forward pass; more would only take memory.
  private static let rowsPerPass = 1024

  /// Row ranges of a text's copies, one per prompt, of `length` tokens each.
  static func parts(_ prompts: Int, of length: Int) -> [Range<Int>] {
    (0..<prompts).map { $0 * length..<($0 + 1) * length }
  }

  /// Computes the input rows of the output head for `ids` after each prompt, in the order of the
  /// prompts, and calls `body` with those of several prompts at a time [prompts·T, e] and the
  /// number of these prompts.
  ///
  /// Neighbouring prompts of one length share a forward pass, so that the weights are decoded once
  /// for them.
  /// - Parameter independent: whether each id is scored as a one-token text of its own.
  func forEachHidden(
    _ ids: [Int32], independent: Bool = false, _ body: (Tensor, Int) -> Void
  ) throws(Failure) {
    let together = max(1, Self.rowsPerPass / ids.count)
    var first = 0
    while first < count {
      let alike = lengths[first...].prefix { $0 == lengths[first] }.count
      let prompts = first..<first + min(alike, together)
      body(try hidden(ids, independent: independent, after: prompts), prompts.count)
      first = prompts.upperBound
    }
  }

  /// Input rows of the output head [prompts·T, e] for `ids` after each of `prompts`.
  /// - Parameter prompts: indices of prompts of one length.
  private func hidden(
    _ ids: [Int32], independent: Bool, after prompts: Range<Int>
  ) throws(Failure) -> Tensor {
    let c = model.configuration
    let tokens = lengths[prompts.lowerBound]
    let (sequences, length) = independent ? (ids.count, 1) : (1, ids.count)
    let plan = try RowPlan(
      c, prefix: tokens, sequences: prompts.count * sequences, length: length, cachedPrefix: true)
    let own = Self.parts(prompts.count, of: ids.count)
    let pass = ForwardPass(model, plan: plan)
    pass.enter([[Int32]](repeating: ids, count: prompts.count).flatMap(\.self))
    let shape = AttentionShape(
      heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, prefix: tokens,
      sequences: sequences, length: length, queriesFromPrefix: false)
    let keys = Tensor([shape.keyRows, c.kvHeads * c.headDim])
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
          q: a.q.rows(rows), k: keys, v: values, shape: shape, into: a.attended.rows(rows),
          arithmetic: model.arithmetic)
      }
      return true
    }
    return try pass.hidden(plan.sequenceRows)
  }
}
