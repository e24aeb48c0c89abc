import Checkpoints
import Numerics

/// Activations of one block's forward pass that its backward pass reads, for R rows and K key rows.
///
/// `input` is shared with the previous block, whose output it is; all else belongs to this object.
package final class BlockActivations {
  /// The residual stream before the block [R, d].
  var input: Tensor
  /// Norm statistics of `input`, used if a norm comes before attention.
  let inputStatistics: NormStatistics
  /// Queries [R, heads·headDim], after rotary embedding if the model has one.
  package let q: Tensor
  /// Keys [K, kvHeads·headDim], after rotary embedding if the model has one; a view of the cache if
  /// the prefix is cached.
  package internal(set) var k: Tensor
  /// Values [K, kvHeads·headDim]; a view of the cache if the prefix is cached.
  package internal(set) var v: Tensor
  /// Inputs and statistics of the head norms; nil if heads have no norms.
  let headNorms: HeadNormActivations?
  /// Attention's output [R, heads·headDim].
  package let attended: Tensor
  /// Attention's softmax normalisers, the logarithms of the sums [R, heads].
  let logSumExp: Tensor
  /// The residual stream between attention and feed-forward [R, d], before a norm that follows
  /// attention.
  let middle: Tensor
  /// Norm statistics of `middle`.
  let middleStatistics: NormStatistics
  /// Outputs of the feed-forward's layers before its activation.
  let wide: WideRows
  /// The residual stream before a norm at the block's end [R, d], with the norm's statistics; nil
  /// if there is no such norm.
  let ending: (sum: Tensor, statistics: NormStatistics)?

  /// - Parameter keys: a cache's buffers for keys and values; nil for buffers of their own.
  init(_ c: ModelConfiguration, plan: RowPlan, input: Tensor, keys: (k: Tensor, v: Tensor)? = nil) {
    let rows = plan.rows
    self.input = input
    inputStatistics = NormStatistics(rows: rows)
    q = Tensor([rows, c.heads * c.headDim])
    k = keys?.k ?? Tensor([plan.keyRows, c.kvHeads * c.headDim])
    v = keys?.v ?? Tensor([plan.keyRows, c.kvHeads * c.headDim])
    headNorms = c.design.hasHeadNorms ? HeadNormActivations(c, rows: rows) : nil
    attended = Tensor([rows, c.heads * c.headDim])
    logSumExp = Tensor([rows, c.heads])
    middle = Tensor([rows, c.hiddenSize])
    middleStatistics = NormStatistics(rows: rows)
    wide = WideRows(c, rows: rows)
    ending =
      c.design.normPlacement == .after
      ? (Tensor([rows, c.hiddenSize]), NormStatistics(rows: rows)) : nil
  }

  /// Size of one object for `plan` in bytes, without `input`, which is shared.
  static func byteCount(_ c: ModelConfiguration, plan: RowPlan) -> Int {
    let sums = c.design.normPlacement == .after ? 2 : 1
    var perRow = 2 * c.heads * c.headDim + c.heads + WideRows.perRow(c) + NormStatistics.perRow
    perRow += sums * (c.hiddenSize + NormStatistics.perRow)
    if c.design.hasHeadNorms { perRow += HeadNormActivations.perRow(c) }
    return 4 * (plan.rows * perRow + 2 * plan.keyRows * c.kvHeads * c.headDim)
  }
}

/// Forward-pass buffers whose content no other block needs: one set serves all blocks.
final class ForwardScratch {
  /// A norm's output [R, d].
  let norm: Tensor
  /// The activation's output [R, intermediate].
  let hidden: Tensor

  init(_ c: ModelConfiguration, rows: Int) {
    norm = Tensor([rows, c.hiddenSize])
    hidden = Tensor([rows, c.intermediateSize])
  }
}

/// Buffers for the gradients inside one block; one set serves all blocks of a backward pass.
final class BackwardScratch {
  let norm: Tensor
  let hidden: Tensor
  let wide: WideRows
  let attended: Tensor
  let q: Tensor
  let k: Tensor
  let v: Tensor

  init(_ c: ModelConfiguration, plan: RowPlan) {
    norm = Tensor([plan.rows, c.hiddenSize])
    hidden = Tensor([plan.rows, c.intermediateSize])
    wide = WideRows(c, rows: plan.rows)
    attended = Tensor([plan.rows, c.heads * c.headDim])
    q = Tensor([plan.rows, c.heads * c.headDim])
    k = Tensor([plan.keyRows, c.kvHeads * c.headDim])
    v = Tensor([plan.keyRows, c.kvHeads * c.headDim])
  }
}
