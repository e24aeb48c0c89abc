import Checkpoints
import Numerics

/// RMS norms of single heads: one for queries, one for keys, each with a gain [headDim] that all
/// heads share. They act on the projections' outputs, before rotary embedding (Qwen3).
package struct HeadNorms: Sendable {
  package let query: Norm
  package let key: Norm

  package init(query: Norm, key: Norm) {
    self.query = query
    self.key = key
  }

  /// Normalises queries [R, heads·headDim] and keys [R, kvHeads·headDim] in place.
  package func apply(queries: Tensor, keys: Tensor, headDim: Int) {
    Self.apply(query, to: queries, headDim)
    Self.apply(key, to: keys, headDim)
  }

  /// Normalises queries [R, heads·headDim] in place.
  package func apply(queries: Tensor, headDim: Int) { Self.apply(query, to: queries, headDim) }

  private static func apply(_ norm: Norm, to rows: Tensor, _ headDim: Int) {
    let heads = rows.reshaped([rows.count / headDim, headDim])
    norm.forward(heads, into: heads)
  }
}

/// Queries and keys before their head norms, with the norms' statistics: the activations that the
/// backward pass through `HeadNorms` reads.
final class HeadNormActivations {
  /// Queries before their norm [R·heads, headDim].
  let queries: Tensor
  /// Keys before their norm [R·kvHeads, headDim].
  let keys: Tensor
  private let queryStatistics: NormStatistics
  private let keyStatistics: NormStatistics

  init(_ c: ModelConfiguration, rows: Int) {
    queries = Tensor([rows * c.heads, c.headDim])
    keys = Tensor([rows * c.kvHeads, c.headDim])
    queryStatistics = NormStatistics(rows: rows * c.heads)
    keyStatistics = NormStatistics(rows: rows * c.kvHeads)
  }

  /// Numbers kept per row of the residual stream.
  static func perRow(_ c: ModelConfiguration) -> Int {
    (c.heads + c.kvHeads) * (c.headDim + NormStatistics.perRow)
  }

  /// Keeps copies of the projections' outputs `q` [R, heads·headDim] and `k` [R, kvHeads·headDim],
  /// then normalises them in place.
  func forward(_ norms: HeadNorms, queries q: Tensor, keys k: Tensor) {
    queries.copy(from: q.reshaped([queries.rows, queries.columns]))
    keys.copy(from: k.reshaped([keys.rows, keys.columns]))
    norms.query.forward(
      queries, into: q.reshaped([queries.rows, queries.columns]), statistics: queryStatistics)
    norms.key.forward(keys, into: k.reshaped([keys.rows, keys.columns]), statistics: keyStatistics)
  }

  /// Turns the gradients with respect to the normalised queries [R, heads·headDim] and keys
  /// [R, kvHeads·headDim] into those with respect to the projections' outputs, in place.
  func backward(_ norms: HeadNorms, queries dq: Tensor, keys dk: Tensor) {
    let (dq, dk) = (
      dq.reshaped([queries.rows, queries.columns]), dk.reshaped([keys.rows, keys.columns])
    )
    norms.query.backward(
      dq, x: queries, statistics: queryStatistics, into: dq, accumulate: false)
    norms.key.backward(dk, x: keys, statistics: keyStatistics, into: dk, accumulate: false)
  }
}
