import Bytes
import Synchronization

extension MatMul {
  /// Returns tr(a h aᵀ) for a [n, k] and symmetric h [k, k].
  ///
  /// h's blocks above the diagonal are weighted by 2 and those below it skipped, which takes half
  /// of the operations. Products are float32; they are summed in float64, in a fixed order of
  /// tiles.
  package static func quadraticForm(_ a: Tensor, _ h: Tensor) -> Double {
    let k = a.columns
    precondition(h.rows == k && h.columns == k, "tr(a h aᵀ) of \(a.shape) and \(h.shape)")
    // Tiles with the least work come last, so that threads finish together.
    let tiles = Array(unsafe Gemm.tiles(rows: a.rows, columns: k).reversed())
    let sums = Mutex([Double](repeating: 0, count: tiles.count))
    Parallel.forEach(tiles.count) { i in
      let (rows, columns) = tiles[i]
      let product = Tensor(uninitialized: [rows.count, columns.count])
      /// Adds alpha·(a's columns `inner`)·(h's rows `inner`) to beta·product.
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
