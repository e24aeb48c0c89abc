import Bytes
import Checkpoints
import Numerics

extension PromptPrefixes {
  /// Chooses by the loss of `ids` behind each prompt alone.
  func choose(byLossOf ids: [Int32], in model: LanguageModel) throws(Failure) -> PromptChoice {
    guard ids.count > 1 else { return PromptChoice(scores: [Double](repeating: 0, count: count)) }
    let c = model.configuration
    let plan = try RowPlan(
      c, prefix: tokens, sequences: 1, length: ids.count, cachedPrefix: true)
    let cache = KeyValueCache(c, capacity: plan.keyRows)
    let pass = ForwardPass(model, plan: plan, cache: cache)
    let targets = Scorer.targets([ids])
    var scores: [Double] = []
    for prompt in 0..<count {
      enter(prompt, into: cache)
      pass.enter(ids)
      try pass.run(cache: cache)
      let losses = CrossEntropy.loss(
        hidden: pass.hidden(plan.sequenceRows), head: model.head, targets: targets,
        arithmetic: model.arithmetic)
      scores.append(-losses.reduce(0.0) { $0 + Double($1) } / Double(ids.count - 1))
    }
    return PromptChoice(scores: scores)
  }
}
