import CKernels
import Glibc

/// An online softmax over rows of logits that are computed tile by tile (Milakov and Gimelshein,
/// arXiv 1805.02867).
final class RunningSoftmax: Sendable {
  /// The highest logit so far, [rows].
  let highest: Tensor
  /// Σ exp(logit − highest) so far, [rows].
  let sums: Tensor
  /// The factor by which sums over earlier tiles must be multiplied after `add`, [rows].
  let correction: Tensor

  init(rows: Int) {
    highest = Tensor([rows])
    highest.fill(-.infinity)
    sums = Tensor([rows])
    correction = Tensor([rows])
  }

  /// Adds the first `count` columns of `logits` [rows, stride]. With `keep` they are overwritten
  /// with exp(logit − highest).
  func add(_ logits: Tensor, count: Int, keep: Bool = false) {
    var view = unsafe ctk_scores(
      scores: logits.pointer, stride: logits.columns, rows: logits.rows, n: count, edge: count,
      scale: 1)
    unsafe ctk_online_softmax(
      &view, highest.pointer, sums.pointer, correction.pointer, keep ? 1 : 0)
  }

  /// Returns log Σ exp of row `i` over all parts of the vocabulary, combined in their order.
  static func logSum(of i: Int, _ parts: [RunningSoftmax]) -> Float {
    let top = parts.reduce(-Float.infinity) { max($0, $1.highest[i]) }
    let total = parts.reduce(Float(0)) { $0 + $1.sums[i] * exp($1.highest[i] - top) }
    return top + log(total)
  }
}
