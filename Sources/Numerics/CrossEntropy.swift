import CKernels
import Glibc

/// The negative log-likelihood of target tokens, fused with the output head: the vocabulary passes
/// by in tiles with a running softmax, so that all logits never exist at once.
public enum CrossEntropy {
  /// Vocabulary rows per tile of logits, and how many rows of `hidden` go together: a tile of logits
  /// stays in the second level of the caches, and in bfloat16, where products are fast, so do the
  /// rows' sums.
  static func tile(_ arithmetic: Arithmetic) -> (columns: Int, rows: Int) {
    arithmetic == .bfloat16 ? (256, 300) : (192, 1024)
  }
  /// The vocabulary is cut into this many parts that proceed independently; their results are
  /// combined in order, so the number of threads doesn't show.
  private static let parts = 8

  /// −log p(target) in nats per row of `hidden` [m, d] through `head` [V, d]; 0 where the target is
  /// −1, and no work either.
  public static func loss(
    hidden: Tensor, head: Weight, targets: [Int32], arithmetic: Arithmetic = .float32
  ) -> [Float] {
    run(hidden, head, targets, arithmetic.available, gradient: nil, scale: 0)
  }

  /// As `loss`; `dHidden` [m, d] receives scale·∂(Σ nll)/∂hidden, zero where the target is −1.
  public static func gradient(
    hidden: Tensor, head: Weight, targets: [Int32], scale: Float, into dHidden: Tensor,
    arithmetic: Arithmetic = .float32
  ) -> [Float] {
    precondition(dHidden.count == hidden.count && !dHidden.isReadOnly)
    dHidden.fill(0)
    return run(hidden, head, targets, arithmetic.available, gradient: dHidden, scale: scale)
  }

  private static func run(
    _ hidden: Tensor, _ head: Weight, _ targets: [Int32], _ arithmetic: Arithmetic,
    gradient: Tensor?, scale: Float
  ) -> [Float] {
    let d = head.columns
    precondition(hidden.columns == d && targets.count == hidden.rows)
    precondition(targets.allSatisfy { $0 >= -1 && Int($0) < head.rows }, "target outside")
    let scored = targets.indices.filter { targets[$0] >= 0 }
    var losses = [Float](repeating: 0, count: targets.count)
    // As many rows at a time as keep the parts' sums within 32 MB.
    let step = max(64, min(tile(arithmetic).rows, (1 << 20) / d))
    for start in stride(from: 0, to: scored.count, by: step) {
      let rows = Array(scored[start..<min(scored.count, start + step)])
      let x = gathered(hidden, rows)
      let packed = arithmetic == .bfloat16 ? PackedRows(x) : nil
      let sums = (0..<parts).map { _ in Partial(rows: rows.count, d: gradient == nil ? 0 : d) }
      Parallel.forEach(parts) { part in
        let from = head.rows * part / parts
        let vocabulary = from..<head.rows * (part + 1) / parts
        if let packed {
          accumulateBFloat16(packed, head, vocabulary, sums[part])
        } else {
          accumulate(x, head, vocabulary, sums[part])
        }
      }
      let target = Tensor(uninitialized: [rows.count, d])
      head.gather(rows.map { targets[$0] }, into: target)
      let logSums = combined(sums, rows.count)
      for (i, row) in rows.enumerated() {
        var logit: Float = 0
        unsafe ctk_dot_rows(target.pointer + i * d, x.pointer + i * d, d, 1, d, &logit, 1, 0)
        losses[row] = logSums[i] - logit
      }
      if let gradient { finish(gradient, rows, sums, logSums, target, scale) }
    }
    return losses
  }

  /// The running softmax of one part of the vocabulary, per row: the highest logit so far, Σ exp
  /// against it, and (for gradients) Σ exp·w.
  final class Partial: Sendable {
    let highest: Tensor
    let sum: Tensor
    let weighted: Tensor

    init(rows: Int, d: Int) {
      highest = Tensor([rows])
      highest.fill(-.infinity)
      sum = Tensor([rows])
      weighted = Tensor([rows, d])
    }
  }

  private static func gathered(_ hidden: Tensor, _ rows: [Int]) -> Tensor {
    let d = hidden.columns
    let x = Tensor(uninitialized: [rows.count, d])
    for (i, row) in rows.enumerated() {
      unsafe (x.pointer + i * d).update(from: hidden.pointer + row * d, count: d)
    }
    return x
  }

  private static func accumulate(
    _ x: Tensor, _ head: Weight, _ vocabulary: Range<Int>, _ sums: Partial
  ) {
    let d = head.columns
    let m = x.rows
    let withGradient = sums.weighted.count > 0
    let tile = tile(.float32).columns
    let logits = Tensor(uninitialized: [m, tile])
    let correction = Tensor(uninitialized: [m])
    let scratch = Tensor(uninitialized: [head.isDense ? 0 : tile, d])
    for start in stride(from: vocabulary.lowerBound, to: vocabulary.upperBound, by: tile) {
      let range = start..<min(vocabulary.upperBound, start + tile)
      let weights = unsafe head.floats(range, scratch: scratch.pointer)
      unsafe Gemm(
        m: m, n: range.count, k: d, a: x.pointer, lda: d, b: weights, ldb: d, transposeB: true,
        c: logits.pointer, ldc: tile
      ).run()
      var view = unsafe ctk_scores(
        scores: logits.pointer, stride: tile, rows: m, n: range.count, edge: range.count, scale: 1)
      unsafe ctk_online_softmax(
        &view, sums.highest.pointer, sums.sum.pointer, correction.pointer, withGradient ? 1 : 0)
      guard withGradient else { continue }
      unsafe ctk_scale_rows(sums.weighted.pointer, d, m, d, correction.pointer)
      unsafe Gemm(
        m: m, n: d, k: range.count, a: logits.pointer, lda: tile, b: weights, ldb: d,
        c: sums.weighted.pointer, ldc: d, beta: 1
      ).run()
    }
  }

  /// log Σ exp over all parts, per row.
  private static func combined(_ sums: [Partial], _ rows: Int) -> [Float] {
    (0..<rows).map { i in
      let top = sums.map { $0.highest[i] }.max() ?? 0
      let total = sums.reduce(Float(0)) { $0 + $1.sum[i] * exp($1.highest[i] - top) }
      return top + log(total)
    }
  }

  /// scale·(Σ p·w − w[target]) into the rows of the gradient.
  private static func finish(
    _ gradient: Tensor, _ rows: [Int], _ sums: [Partial], _ logSums: [Float], _ target: Tensor,
    _ scale: Float
  ) {
    let d = gradient.columns
    Parallel.ranges(rows.count, grain: 32) { range in
      for i in range {
        let place = unsafe gradient.pointer + rows[i] * d
        for part in sums {
          let share = exp(part.highest[i] - logSums[i])
          unsafe ctk_add_scaled(part.weighted.pointer + i * d, scale * share, place, d)
        }
        unsafe ctk_add_scaled(target.pointer + i * d, -scale, place, d)
      }
    }
  }
}
