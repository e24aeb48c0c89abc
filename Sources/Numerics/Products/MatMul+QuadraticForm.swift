import Bytes
import Synchronization

extension MatMul {
  /// tr(a h aᵀ) for a [n, k] and symmetric h [k, k].
  ///
  /// What lies above the diagonal counts twice instead of being computed twice, so that it takes half of
  /// the product's operations. Products are float32; float64 adds them up, tile by tile in a fixed order.
  package static func quadraticForm(_ a: Tensor, _ h: Tensor) -> Double {
    let k = a.columns
    precondition(h.rows == k && h.columns == k, "tr(a h aᵀ) of \(a.shape) and \(h.shape)")
    // The last to be taken are the ones with least to do.
    let tiles = Array(unsafe Gemm.tiles(rows: a.rows, columns: k).reversed())
    let sums = Mutex([Double](repeating: 0, count: tiles.count))
    Parallel.forEach(tiles.count) { i in
      let (rows, columns) = tiles[i]
      let product = Tensor(uninitialized: [rows.count, columns.count])
      /// product += alpha·(a's columns `inner`)·(h's rows `inner`)
      func add(_ inner: Range<Int>, alpha: Float, beta: Float) {
        unsafe Gemm(
          m: rows.count, n: columns.count, k: inner.count,
          a: a.pointer + rows.lowerBound * k + inner.lowerBound, lda: k,
          b: h.pointer + inner.lowerBound * k + columns.lowerBound, ldb: k, c: product.pointer,
          ldc: columns.count, alpha: alpha, beta: beta
        ).run()
      }
      add(columns, alpha: 1, beta: 0)
      if columns.lowerBound > 0 { add(0..<columns.lowerBound, alpha: 2, beta: 1) }
      var sum = 0.0
      for row in 0..<rows.count {
        let other = unsafe a.pointer + (rows.lowerBound + row) * k + columns.lowerBound
        let place = unsafe product.pointer + row * columns.count
        for column in 0..<columns.count {
          unsafe sum += Double(place[column]) * Double(other[column])
        }
      }
      sums.withLock { $0[i] = sum }
    }
    return sums.withLock { $0.reduce(0, +) }
  }
}
