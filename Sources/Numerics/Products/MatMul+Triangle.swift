import Bytes

extension MatMul {
  /// Computes c = a·u, or a·uᵀ if `transposed`, for an upper triangular u with zeros below the
  /// diagonal. The bits are those of the full product, in about half of its time.
  ///
  /// - Parameters:
  ///   - a: [m, k].
  ///   - u: [k, k].
  ///   - c: [m, k]; must not share memory with `a` or `u`.
  package static func multiply(
    _ a: Tensor, upper u: Tensor, into c: Tensor, transposed: Bool = false
  ) {
    let (m, k) = (a.rows, a.columns)
    precondition(
      u.rows == k && u.columns == k && c.rows == m && c.columns == k && !c.isReadOnly,
      "\(a.shape) × triangle \(u.shape) into \(c.shape)")
    nonisolated(unsafe) let whole = unsafe Gemm(
      m: m, n: k, k: k, a: a.pointer, lda: k, b: u.pointer, ldb: k, transposeB: transposed,
      c: c.pointer, ldc: k)
    // Tiles with the least work come last, so that threads finish together.
    let tiles = unsafe Gemm.tiles(rows: m, columns: k)
    Parallel.forEach(tiles.count) { i in
      let (rows, columns) = tiles[transposed ? i : tiles.count - 1 - i]
      var tile = unsafe whole.part(rows, columns)
      unsafe tile.innerRows = transposed ? columns.lowerBound..<k : 0..<columns.upperBound
      unsafe tile.run()
    }
  }
}
