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
      routing.prefixes.enter(choice.index, into: cache)
      try run(cache: cache)
    }
    return choice
  }

  /// The first block's attention waits until its queries have chosen.
  private func chooseByAttention(
    _ cache: KeyValueCache, _ routing: PromptRouting, blocks: Int?
  ) throws(Failure) -> PromptChoice {
    var choice: PromptChoice?
    try run(cache: cache, blocks: blocks) { a, layer in
      guard layer == 0 else { return false }
      let own = a.k.rows(plan.newKeyRows)
      let found = routing.prefixes.choose(
        q: a.q, keys: own, deciding: routing.deciding, model.configuration)
      routing.prefixes.enter(found.index, into: cache)
      choice = found
      return false
    }
    guard let choice else { throw Failure(.internalError, "a model without blocks") }
    return choice
  }
}
