import CKernels

extension CrossEntropy {
  /// Carries the running softmax of some rows over a part of the vocabulary, products in bfloat16:
  /// a tile of logits is exponentiated where it lies, rounded, and multiplied with the same
  /// weights once more.
  static func accumulateBFloat16(
    _ x: PackedRows, _ head: Weight, _ vocabulary: Range<Int>, _ sums: Partial
  ) {
    let d = head.columns
    let m = x.rows
    let tile = tile(.bfloat16).columns
    let withGradient = sums.weighted.count > 0
    let logits = Tensor(uninitialized: [m, tile])
    let correction = Tensor(uninitialized: [m])
    let all = 0..<(m + PackedRows.blockRows - 1) / PackedRows.blockRows
    unsafe head.withStored { weight in
      for start in stride(from: vocabulary.lowerBound, to: vocabulary.upperBound, by: tile) {
        let range = start..<min(vocabulary.upperBound, start + tile)
        for n in pieces(of: range, by: 128) {
          unsafe Weight.multiply(
            weight, x, all, n, transposed: false, k: 0..<d,
            into: logits.pointer + (n.lowerBound - start), ldc: tile, beta: 0)
        }
        var view = unsafe ctk_scores(
          scores: logits.pointer, stride: tile, rows: m, n: range.count, edge: range.count,
          scale: 1)
        unsafe ctk_online_softmax(
          &view, sums.highest.pointer, sums.sum.pointer, correction.pointer, withGradient ? 1 : 0)
        guard withGradient else { continue }
        unsafe ctk_scale_rows(sums.weighted.pointer, d, m, d, correction.pointer)
        let shares = PackedRows(rows: m, columns: range.count)
        unsafe shares.pack(all, from: logits.pointer, lda: tile)
        for n in pieces(of: 0..<d, by: 128) {
          unsafe Weight.multiply(
            weight, shares, all, n, transposed: true, k: range,
            into: sums.weighted.pointer + n.lowerBound, ldc: d, beta: 1)
        }
      }
    }
  }

  private static func pieces(of range: Range<Int>, by step: Int) -> [Range<Int>] {
    stride(from: range.lowerBound, to: range.upperBound, by: step).map {
      $0..<min(range.upperBound, $0 + step)
    }
  }
}
