import Bytes
import Numerics

extension PromptPrefixes {
  /// Chooses by the first block's attention (inference-time dynamic prompting, arXiv 2310.00867): `ids` stand
  /// behind the longest prompt and see the rows of all, each computed alone from position 0 on.
  func choose(byAttentionOf ids: [Int32]) throws(Failure) -> PromptChoice {
    let c = model.configuration
    let rows = try rows(of: 0..<count)
    let keys = Tensor([lengths.reduce(0, +), c.kvHeads * c.headDim])
    var first = 0
    for (own, length) in zip(rows, lengths) {
      keys.rows(first..<first + length).copy(from: own[0].k)
      first += length
    }
    let own = try model.firstQueriesAndKeys(ids, behind: longest)
    let shares = Attention.prefixShares(
      q: own.q, keys: own.k, prefixKeys: keys, lengths: lengths, heads: c.heads,
      kvHeads: c.kvHeads, headDim: c.headDim)
    return PromptChoice(scores: zip(shares, lengths).map { $0 / Double($1) })
  }
}
