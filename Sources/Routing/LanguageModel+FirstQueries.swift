import Bytes
import Models
import Numerics

extension LanguageModel {
  /// First-block queries of `ids` before rotary embedding, [T, heads·headDim], float32.
  ///
  /// - Parameter positions: the position of each token, used only by learned position embeddings.
  /// - Throws: `usage` if an id is outside the vocabulary.
  func firstQueries(_ ids: [Int32], at positions: [Int32]) throws(Failure) -> Tensor {
    let queries = Tensor([ids.count, configuration.heads * configuration.headDim])
    let block = try block(0)
    try block.q.apply(firstRows(ids, at: positions), into: queries, arithmetic: .float32)
    block.headNorms?.apply(queries: queries, headDim: configuration.headDim)
    return queries
  }

  /// Mean first-block query [heads·headDim] of `ids` before rotary embedding, at positions from
  /// `start` on.
  ///
  /// - Throws: `usage` if an id is outside the vocabulary.
  func meanFirstQuery(_ ids: [Int32], after start: Int) throws(Failure) -> [Double] {
    let queries = try firstQueries(ids, at: ids.indices.map { Int32(start + $0) })
    var mean = [Double](repeating: 0, count: queries.columns)
    for row in 0..<queries.rows {
      for (column, value) in queries.rows(row..<row + 1).values.enumerated() {
        mean[column] += Double(value) / Double(queries.rows)
      }
    }
    return mean
  }

  /// First-block queries [T, heads·headDim] and keys [T, kvHeads·headDim] of `ids` at positions
  /// from `start` on, after rotary embedding if the model has one, float32.
  ///
  /// - Throws: `usage` if an id is outside the vocabulary, or the model has too few positions.
  func firstQueriesAndKeys(
    _ ids: [Int32], after start: Int
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

  /// Input rows of the first block's projections [T, d].
  private func firstRows(_ ids: [Int32], at positions: [Int32]) throws(Failure) -> Tensor {
    try check(ids)
    let x = Tensor(uninitialized: [ids.count, configuration.hiddenSize])
    input.enter(ids, at: positions, into: x, arithmetic: .float32)
    try block(0).norms.beforeAttention?.forward(x, into: x)
    return x
  }
}
