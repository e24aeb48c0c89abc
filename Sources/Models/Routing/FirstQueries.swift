import Bytes
import Numerics

extension LanguageModel {
  /// What the first block asks for with each token, whatever else is there: its queries before any rotation
  /// [T, heads·headDim], in float32.
  ///
  /// - Parameter positions: where each token stands; of account where positions are learned.
  /// - Throws: `usage` where an id lies outside the vocabulary.
  func firstQueries(_ ids: [Int32], at positions: [Int32]) throws(Failure) -> Tensor {
    let queries = Tensor([ids.count, configuration.heads * configuration.headDim])
    let block = try block(0)
    try block.q.apply(firstRows(ids, at: positions), into: queries, arithmetic: .float32)
    block.headNorms?.apply(queries: queries, headDim: configuration.headDim)
    return queries
  }

  /// The first block's queries [T, heads·headDim] and keys [T, kvHeads·headDim] of tokens behind `start` rows,
  /// rotated where the model does that, in float32.
  ///
  /// - Throws: `usage` where an id lies outside the vocabulary, or positions end before the last token.
  func firstQueriesAndKeys(
    _ ids: [Int32], behind start: Int
  ) throws(Failure) -> (q: Tensor, k: Tensor) {
    let c = configuration
    let plan = try RowPlan(
      c, prefix: start, sequences: 1, length: ids.count, cachedPrefix: true)
    let rows = try firstRows(ids, at: plan.positions)
    let queries = Tensor([ids.count, c.heads * c.headDim])
    let keys = Tensor([ids.count, c.kvHeads * c.headDim])
    let block = try block(0)
    block.q.apply(rows, into: queries, arithmetic: .float32)
    block.k.apply(rows, into: keys, arithmetic: .float32)
    block.headNorms?.apply(queries: queries, keys: keys, headDim: c.headDim)
    plan.rotary?.apply(to: queries, heads: c.heads, positions: plan.positions)
    plan.rotary?.apply(to: keys, heads: c.kvHeads, positions: plan.positions)
    return (queries, keys)
  }

  /// What the first block's projections see [T, d].
  private func firstRows(_ ids: [Int32], at positions: [Int32]) throws(Failure) -> Tensor {
    try check(ids)
    let x = Tensor(uninitialized: [ids.count, configuration.hiddenSize])
    input.enter(ids, at: positions, into: x, arithmetic: .float32)
    try block(0).norms.beforeAttention?.forward(x, into: x)
    return x
  }
}
