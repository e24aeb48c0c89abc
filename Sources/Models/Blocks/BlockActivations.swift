import Checkpoints
import Numerics

/// Activations of one block's forward pass that its backward pass needs, for R rows and K key rows.
///
/// `input` is shared with the block before (its output); the rest belongs to this object.
package final class BlockActivations {
  /// The residual stream before the block [R, d].
  var input: Tensor
  /// Norm statistics of `input`, where a norm comes before attention.
  let inputStatistics: NormStatistics
  /// Queries, rotated where the model does that, [R, heads·headDim].
  package let q: Tensor
  /// Keys (rotated where the model does that) and values [K, kvHeads·headDim]; in a cache where a prefix
  /// is cached.
  package internal(set) var k: Tensor
  package internal(set) var v: Tensor
  /// nil where heads have no norms.
  let headNorms: HeadNormActivations?
  /// Attention's output [R, heads·headDim] and its softmax normalisers [R, heads].
  package let attended: Tensor
  let logSumExp: Tensor
  /// The residual stream between attention and feed-forward [R, d], before a norm that follows attention.
  let middle: Tensor
  let middleStatistics: NormStatistics
  let wide: WideRows
  /// The residual stream at the block's end [R, d] where a norm follows it; nil where it is the output.
  let ending: (sum: Tensor, statistics: NormStatistics)?

  /// - Parameter keys: where keys and values live when not in buffers of their own (a cache).
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

  /// Bytes of one object for `plan`, its input (shared with the block before) left out.
  static func byteCount(_ c: ModelConfiguration, plan: RowPlan) -> Int {
    let sums = c.design.normPlacement == .after ? 2 : 1
    var perRow = 2 * c.heads * c.headDim + c.heads + WideRows.perRow(c) + NormStatistics.perRow
    perRow += sums * (c.hiddenSize + NormStatistics.perRow)
    if c.design.hasHeadNorms { perRow += HeadNormActivations.perRow(c) }
    return 4 * (plan.rows * perRow + 2 * plan.keyRows * c.kvHeads * c.headDim)
  }
}

/// Buffers whose content no other block needs: one set serves a whole forward pass.
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

/// The gradients inside one block; one set serves a whole backward pass.
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
