import Bytes
import Checkpoints
import Models
import Numerics

extension PromptPrefixes {
  /// Mean logit of `ids` for each prompt's routing key, in nats.
  func logits(of ids: [Int32], for keys: [RoutingKey]) throws(Failure) -> [Double] {
    try model.configuration.checkPositions(longest + ids.count)
    let scale = 1 / Double(model.configuration.headDim).squareRoot()
    let starts = queryStarts
    var means: [Int: [Double]] = [:]
    for start in Set(starts) {
      means[start] = try model.meanFirstQuery(ids, after: start)
    }
    return zip(keys, starts).map { key, start in
      let logit = zip(means[start] ?? [], key.key).reduce(0) { $0 + $1.0 * Double($1.1) }
      return Double(key.bias) + scale * logit
    }
  }

  /// First query position per prompt: the prompt's length for learned position embeddings, 0 for
  /// rotary ones (queries are taken before rotation).
  var queryStarts: [Int] {
    model.input.positions == nil ? lengths.map { _ in 0 } : lengths
  }

  /// Per prompt, the first block's mean attention over heads and `ids` to the prompt's rows,
  /// divided by their number (inference-time dynamic prompting, arXiv 2310.00867).
  ///
  /// `ids` are placed after the longest prompt and attend to the rows of all prompts, each computed
  /// alone from position 0 on.
  func attentionShares(of ids: [Int32]) throws(Failure) -> [Double] {
    let c = model.configuration
    let rows = try rows(of: 0..<count)
    let keys = Tensor([lengths.reduce(0, +), c.kvHeads * c.headDim])
    var first = 0
    for (own, length) in zip(rows, lengths) {
      keys.rows(first..<first + length).copy(from: own[0].k)
      first += length
    }
    let own = try model.firstQueriesAndKeys(ids, after: longest)
    let shares = Attention.prefixShares(
      q: own.q, keys: own.k, prefixKeys: keys, lengths: lengths, heads: c.heads,
      kvHeads: c.kvHeads, headDim: c.headDim)
    return zip(shares, lengths).map { $0 / Double($1) }
  }

  /// Negative mean loss in nats of `ids` after each prompt alone, without that of the first id; 0
  /// for all prompts if there is only one id.
  func negativeLosses(of ids: [Int32]) throws(Failure) -> [Double] {
    guard ids.count > 1 else { return [Double](repeating: 0, count: count) }
    var scores: [Double] = []
    try forEachHidden(ids) { hidden, prompts in
      let copies = [[Int32]](repeating: ids, count: prompts)
      let losses = CrossEntropy.loss(
        hidden: hidden, head: model.head, targets: Scorer.targets(copies),
        arithmetic: model.arithmetic)
      for own in Self.parts(prompts, of: ids.count) {
        scores.append(-losses[own].reduce(0.0) { $0 + Double($1) } / Double(ids.count - 1))
      }
    }
    return scores
  }
}
