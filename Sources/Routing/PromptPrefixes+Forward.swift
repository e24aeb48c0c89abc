import Bytes
import Checkpoints
import Models
import Numerics

extension PromptPrefixes {
  /// Rows of one forward pass; more would only take memory.
  private static let rowsPerPass = 1024

  /// The rows of each of some prompts' copies of a text of `length` tokens.
  static func parts(_ prompts: Int, of length: Int) -> [Range<Int>] {
    (0..<prompts).map { $0 * length..<($0 + 1) * length }
  }

  /// Calls `body` with input rows of the output head for `ids` after each prompt, in the order of the
  /// prompts: [prompts·T, e] for some prompts at a time, and their number.
  ///
  /// Neighbouring prompts of one length share a forward pass, so that the weights are decoded once for
  /// them.
  /// - Parameter independent: whether each id is a text of one token.
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

  /// - Parameter prompts: prompts of one length.
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
    let afterOne = AttentionShape(
      heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, prefix: tokens,
      sequences: sequences, length: length, queriesFromPrefix: false)
    let keys = Tensor([afterOne.keyRows, c.kvHeads * c.headDim])
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
          q: a.q.rows(rows), k: keys, v: values, shape: afterOne, into: a.attended.rows(rows),
          arithmetic: model.arithmetic)
      }
      return true
    }
    return pass.hidden(plan.sequenceRows)
  }
}
