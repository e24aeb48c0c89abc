import CKernels
import Glibc

/// The negative log-likelihood of target tokens, fused with the output head: the vocabulary passes
/// by in tiles with a running softmax, so that all logits never exist at once.
public enum CrossEntropy {
  /// Vocabulary rows per tile of logits, and how many rows of `hidden` go together: a tile of logits
  /// stays in the second level of the caches, and in bfloat16, where products are fast, so do the
  /// rows' sums.
  private static func tile(_ arithmetic: Arithmetic) -> (columns: Int, rows: Int) {
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
      let tiles = VocabularyTiles(x, head, arithmetic)
      let tile = tile(arithmetic).columns
      let sums = (0..<parts).map { _ in Partial(rows: rows.count, d: gradient == nil ? 0 : d) }
      Parallel.forEach(parts) { part in
        let vocabulary = head.rows * part / parts..<head.rows * (part + 1) / parts
        accumulate(tiles, vocabulary, tile: tile, sums[part])
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
  private final class Partial: Sendable {
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
    _ tiles: VocabularyTiles, _ vocabulary: Range<Int>, tile: Int, _ sums: Partial
  ) {
    let (m, d) = (tiles.hidden.rows, tiles.head.columns)
    let withGradient = sums.weighted.count > 0
    let logits = Tensor(uninitialized: [m, tile])
    let correction = Tensor(uninitialized: [m])
    let scratch = tiles.scratch(tile)
    for start in stride(from: vocabulary.lowerBound, to: vocabulary.upperBound, by: tile) {
      let range = start..<min(vocabulary.upperBound, start + tile)
      tiles.logits(range, into: logits, stride: tile, scratch)
      var view = unsafe ctk_scores(
        scores: logits.pointer, stride: tile, rows: m, n: range.count, edge: range.count, scale: 1)
      unsafe ctk_online_softmax(
        &view, sums.highest.pointer, sums.sum.pointer, correction.pointer, withGradient ? 1 : 0)
      guard withGradient else { continue }
      unsafe ctk_scale_rows(sums.weighted.pointer, d, m, d, correction.pointer)
      tiles.addBack(logits, stride: tile, range, to: sums.weighted, scratch)
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
