import Bytes

extension MatMul {
  /// c = a·u, or a·uᵀ, for an upper triangular u [k, k], 0 below its diagonal: the bits of `multiply` in about
  /// half of its time.
  ///
  /// - Parameters:
  ///   - a: [m, k].
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
    // The last to be taken are the ones with least to do.
    let tiles = unsafe Gemm.tiles(rows: m, columns: k)
    Parallel.forEach(tiles.count) { i in
      let (rows, columns) = tiles[transposed ? i : tiles.count - 1 - i]
      var tile = unsafe whole.part(rows, columns)
      unsafe tile.innerRows = transposed ? columns.lowerBound..<k : 0..<columns.upperBound
      unsafe tile.run()
    }
  }
}
