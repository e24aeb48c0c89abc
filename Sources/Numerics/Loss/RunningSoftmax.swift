import CKernels
import Glibc

/// The softmax of some rows over logits that pass by in tiles (Milakov and Gimelshein, arXiv 1805.02867):
/// per row the highest logit so far, and Σ exp against it.
final class RunningSoftmax: Sendable {
  let highest: Tensor
  let sums: Tensor
  /// Per row: what sums over earlier tiles are to be multiplied by, after `add`.
  let correction: Tensor

  init(rows: Int) {
    highest = Tensor([rows])
    highest.fill(-.infinity)
    sums = Tensor([rows])
    correction = Tensor([rows])
  }

  /// Takes in the first `count` columns of `logits` [rows, stride], which become exp(logit − highest)
  /// where they are to be kept.
  func add(_ logits: Tensor, count: Int, keep: Bool = false) {
    var view = unsafe ctk_scores(
      scores: logits.pointer, stride: logits.columns, rows: logits.rows, n: count, edge: count,
      scale: 1)
    unsafe ctk_online_softmax(
      &view, highest.pointer, sums.pointer, correction.pointer, keep ? 1 : 0)
  }

  /// log Σ exp of row `i` over all parts of the vocabulary, combined in their order.
  static func logSum(of i: Int, _ parts: [RunningSoftmax]) -> Float {
    let top = parts.reduce(-Float.infinity) { max($0, $1.highest[i]) }
    let total = parts.reduce(Float(0)) { $0 + $1.sums[i] * exp($1.highest[i] - top) }
    return top + log(total)
  }
}
