import Bytes
import Numerics

extension LanguageModel {
  /// What the first block asks for with each token, whatever else is there: its queries before any rotation
  /// [T, heads·headDim], in float32.
  ///
  /// - Parameter positions: where each token stands; of account where positions are learned.
  /// - Throws: `usage` where an id lies outside the vocabulary.
  func firstQueries(_ ids: [Int32], at positions: [Int32]) throws(Failure) -> Tensor {
    try check(ids)
    let c = configuration
    let x = Tensor(uninitialized: [ids.count, c.hiddenSize])
    input.enter(ids, at: positions, into: x, arithmetic: .float32)
    let block = try block(0)
    block.norms.beforeAttention?.forward(x, into: x)
    let queries = Tensor([ids.count, c.heads * c.headDim])
    block.q.apply(x, into: queries, arithmetic: .float32)
    return queries
  }
}
