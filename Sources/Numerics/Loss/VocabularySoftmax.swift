import CKernels
import Glibc

/// The softmax of some hidden rows over the whole vocabulary, which passes by in tiles, so that all
/// logits never exist at once (Milakov and Gimelshein, arXiv 1805.02867).
struct VocabularySoftmax: Sendable {
  /// Vocabulary rows per tile of logits, and how many hidden rows go together: a tile of logits
  /// stays in the second level of the caches, and in bfloat16, where products are fast, so do the
  /// rows' sums.
  private static func tile(_ arithmetic: Arithmetic) -> (columns: Int, rows: Int) {
    arithmetic == .bfloat16 ? (256, 300) : (192, 1024)
  }
  /// The vocabulary is cut into this many parts that proceed independently; their results are
  /// combined in order, so the number of threads doesn't show.
  static let parts = 8

  /// log Σ exp of each row's logits.
  let logSums: [Float]
  private let sums: [Partial]

  /// As many rows at a time as keep the parts' sums within 32 MB.
  static func rowsAtOnce(width d: Int, _ arithmetic: Arithmetic) -> Int {
    max(64, min(tile(arithmetic).rows, (1 << 20) / d))
  }

  /// - Parameters:
  ///   - hidden: [m, d], at most `rowsAtOnce` rows.
  ///   - head: [V, d].
  ///   - withMeans: keeps what `addMean` needs.
  init(_ hidden: Tensor, _ head: Weight, _ arithmetic: Arithmetic, withMeans: Bool) {
    let (m, d) = (hidden.rows, head.columns)
    let tiles = VocabularyTiles(hidden, head, arithmetic)
    let tile = Self.tile(arithmetic).columns
    let sums = (0..<Self.parts).map { _ in Partial(rows: m, d: withMeans ? d : 0) }
    Parallel.forEach(Self.parts) { part in
      let (first, end) = (head.rows * part / Self.parts, head.rows * (part + 1) / Self.parts)
      Self.accumulate(tiles, first..<end, tile: tile, sums[part])
    }
    self.sums = sums
    logSums = (0..<m).map { i in
      let top = sums.map { $0.highest[i] }.max() ?? 0
      let total = sums.reduce(Float(0)) { $0 + $1.sum[i] * exp($1.highest[i] - top) }
      return top + log(total)
    }
  }

  /// place [d] += factor·Σ p·w over the vocabulary, for row `i`.
  func addMean(of i: Int, times factor: Float, to place: UnsafeMutablePointer<Float>) {
    for part in sums {
      let share = exp(part.highest[i] - logSums[i])
      let d = part.weighted.columns
      unsafe ctk_add_scaled(part.weighted.pointer + i * d, factor * share, place, d)
    }
  }

  /// The running softmax of one part of the vocabulary, per row: the highest logit so far, Σ exp
  /// against it, and (for means) Σ exp·w.
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

  private static func accumulate(
    _ tiles: VocabularyTiles, _ vocabulary: Range<Int>, tile: Int, _ sums: Partial
  ) {
    let (m, d) = (tiles.hidden.rows, tiles.head.columns)
    let withMeans = sums.weighted.count > 0
    let logits = Tensor(uninitialized: [m, tile])
    let correction = Tensor(uninitialized: [m])
    let scratch = tiles.scratch(tile)
    for start in stride(from: vocabulary.lowerBound, to: vocabulary.upperBound, by: tile) {
      let range = start..<min(vocabulary.upperBound, start + tile)
      tiles.logits(range, into: logits, stride: tile, scratch)
      var view = unsafe ctk_scores(
        scores: logits.pointer, stride: tile, rows: m, n: range.count, edge: range.count, scale: 1)
      unsafe ctk_online_softmax(
        &view, sums.highest.pointer, sums.sum.pointer, correction.pointer, withMeans ? 1 : 0)
      guard withMeans else { continue }
      unsafe ctk_scale_rows(sums.weighted.pointer, d, m, d, correction.pointer)
      tiles.addBack(logits, stride: tile, range, to: sums.weighted, scratch)
    }
  }
}
