import Bytes
import CKernels
import Glibc

/// The softmax of hidden rows over the whole vocabulary, computed tile by tile so that the logits
/// are never all in memory.
struct VocabularySoftmax: Sendable {
  /// Vocabulary rows per tile of logits, and the most hidden rows per batch. A tile of logits fits
  /// in the L2 cache; in bfloat16, where products are faster, so do the rows' sums.
  private static func tile(_ arithmetic: Arithmetic) -> (columns: Int, rows: Int) {
    arithmetic == .bfloat16 ? (256, 300) : (192, 1024)
  }

  /// log Σ exp of each row's logits, [m].
  let logSums: [Float]
  private let sums: [Partial]

  /// The most hidden rows of one softmax: the parts' sums then take at most 32 MB.
  static func rowsAtOnce(width d: Int, _ arithmetic: Arithmetic) -> Int {
    max(64, min(tile(arithmetic).rows, (1 << 20) / d))
  }

  /// - Parameters:
  ///   - hidden: [m, d], at most `rowsAtOnce` rows.
  ///   - head: [V, d].
  ///   - withMeans: Whether to sum the weighted head rows that `addMean` needs.
  init(_ hidden: Tensor, _ head: Weight, _ arithmetic: Arithmetic, withMeans: Bool) {
    let (m, d) = (hidden.rows, head.columns)
    let tiles = VocabularyTiles(hidden, head, arithmetic)
    let tile = Self.tile(arithmetic).columns
    let sums = (0..<VocabularyTiles.parts).map { _ in Partial(rows: m, d: withMeans ? d : 0) }
    Parallel.forEach(sums.count) { part in
      let (softmax, weighted) = (sums[part].softmax, sums[part].weighted)
      tiles.forEachTile(tile, part: part) { tokens, logits, scratch in
        softmax.add(logits, count: tokens.count, keep: withMeans)
        guard withMeans else { return }
        unsafe ctk_scale_rows(weighted.pointer, d, m, d, softmax.correction.pointer)
        tiles.addBack(logits, stride: tile, tokens, to: weighted, scratch)
      }
    }
    self.sums = sums
    let softmaxes = sums.map(\.softmax)
    logSums = (0..<m).map { RunningSoftmax.logSum(of: $0, softmaxes) }
  }

  /// Adds factor·Σ p·w over the vocabulary to `place` [d], for row `i`.
  func addMean(of i: Int, times factor: Float, to place: UnsafeMutablePointer<Float>) {
    for part in sums {
      let share = exp(part.softmax.highest[i] - logSums[i])
      let d = part.weighted.columns
      unsafe ctk_add_scaled(part.weighted.pointer + i * d, factor * share, place, d)
    }
  }

  /// The softmax over one part of the vocabulary and, with means, Σ exp·w per row, [m, d].
  private struct Partial: Sendable {
    let softmax: RunningSoftmax
    let weighted: Tensor

    init(rows: Int, d: Int) {
      softmax = RunningSoftmax(rows: rows)
      weighted = Tensor([rows, d])
    }
  }
}
