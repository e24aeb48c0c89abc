import Bytes
import Checkpoints
import Numerics

extension ForwardPass {
  /// All blocks, as `run` does, once `ids`, the rows that were entered, have chosen among the prompts of
  /// `routing`. The input stands behind the winner alone, to the same bits as if it had been the only one.
  ///
  /// - Parameters:
  ///   - cache: its first n rows are the winner's afterwards.
  ///   - onlyToChoose: whether the choice is all that is wanted.
  func run(
    _ ids: [Int32], cache: KeyValueCache, choosing routing: PromptRouting,
    onlyToChoose: Bool = false
  ) throws(Failure) -> PromptChoice {
    precondition(plan.shape.sequences == 1, "each input chooses for itself")
    precondition(plan.shape.prefix == routing.prefixes.tokens, "\(plan.shape)")
    let deciding = Array(ids.prefix(routing.deciding ?? ids.count))
    let choice: PromptChoice
    switch routing.rule {
    case .attention: return try chooseByAttention(cache, routing, blocks: onlyToChoose ? 1 : nil)
    case .loss: choice = try routing.prefixes.choose(byLossOf: deciding, in: model)
    case .keys:
      choice = try RoutingKey.choose(
        deciding, behind: plan.shape.prefix, among: routing.keys, in: model)
    }
    if !onlyToChoose {
      try routing.prefixes.enter(choice.index, into: cache)
      try run(cache: cache)
    }
    return choice
  }

  /// The first block's attention waits until its queries have chosen.
  private func chooseByAttention(
    _ cache: KeyValueCache, _ routing: PromptRouting, blocks: Int?
  ) throws(Failure) -> PromptChoice {
    let prefixes = routing.prefixes
    let rows = try prefixes.rows(of: 0..<prefixes.count)
    let keys = Tensor([prefixes.count * prefixes.tokens, rows[0][0].k.columns])
    for (index, own) in rows.enumerated() {
      keys.rows(index * prefixes.tokens..<(index + 1) * prefixes.tokens).copy(from: own[0].k)
    }
    var choice: PromptChoice?
    try run(cache: cache, blocks: blocks) { a, layer in
      guard layer == 0 else { return false }
      let found = choose(
        q: a.q, own: a.k.rows(plan.newKeyRows), keys: keys, of: prefixes, routing.deciding)
      PromptPrefixes.enter(rows[found.index], into: cache)
      choice = found
      return false
    }
    guard let choice else { throw Failure(.internalError, "a model without blocks") }
    return choice
  }

  /// Chooses by the first block's attention (inference-time dynamic prompting, arXiv 2310.00867).
  ///
  /// - Parameters:
  ///   - q: the first block's queries of the input [T, heads·headDim].
  ///   - own: its keys [T, kvHeads·headDim].
  ///   - keys: those of all prompts, one after the other, [m·n, kvHeads·headDim].
  ///   - deciding: how many tokens decide, counted from the first; nil for all.
  private func choose(
    q: Tensor, own: Tensor, keys: Tensor, of prefixes: PromptPrefixes, _ deciding: Int?
  ) -> PromptChoice {
    let c = model.configuration
    let rows = 0..<min(q.rows, deciding ?? q.rows)
    let shares = Attention.prefixShares(
      q: q.rows(rows), keys: own.rows(rows), prefixKeys: keys, prefixes: prefixes.count,
      heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim)
    return PromptChoice(scores: shares.map { $0 / Double(prefixes.tokens) })
  }
}
