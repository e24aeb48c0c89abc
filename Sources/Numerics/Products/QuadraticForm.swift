import Synchronization

extension MatMul {
  /// tr(a h aᵀ) for a [n, k] and symmetric h [k, k].
  ///
  /// What lies above the diagonal counts twice instead of being computed twice, so that it takes half of
  /// the product's operations. Products are float32; float64 adds them up, tile by tile in a fixed order.
  public static func quadraticForm(_ a: Tensor, _ h: Tensor) -> Double {
    let (n, k) = (a.rows, a.columns)
    precondition(h.rows == k && h.columns == k, "tr(a h aᵀ) of \(a.shape) and \(h.shape)")
    let (width, height) = (96, 1200)
    let across = (k + width - 1) / width
    let down = (n + height - 1) / height
    let sums = Mutex([Double](repeating: 0, count: across * down))
    // Wide parts first: the last ones to be taken are small.
    Parallel.forEach(across * down) { i in
      let top = i % down * height
      let left = (across - 1 - i / down) * width
      let (rows, columns) = (min(height, n - top), min(width, k - left))
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * columns) { part in
        guard let c = part.baseAddress else { return }
        func multiply(_ inner: Range<Int>, alpha: Float, beta: Float) {
          unsafe Gemm(
            m: rows, n: columns, k: inner.count, a: a.pointer + top * k + inner.lowerBound, lda: k,
            b: h.pointer + inner.lowerBound * k + left, ldb: k, c: c, ldc: columns, alpha: alpha,
            beta: beta
          ).run()
        }
        multiply(left..<left + columns, alpha: 1, beta: 0)
        if left > 0 { multiply(0..<left, alpha: 2, beta: 1) }
        var sum = 0.0
        for row in 0..<rows {
          let place = unsafe a.pointer + (top + row) * k + left
          for column in 0..<columns {
            unsafe sum += Double(c[row * columns + column]) * Double(place[column])
          }
        }
        sums.withLock { $0[i] = sum }
      }
    }
    return sums.withLock { $0.reduce(0, +) }
  }

  /// c = a·u, or a·uᵀ, for an upper triangular u [k, k]: what lies below its diagonal isn't read but in
  /// blocks on the diagonal, where it must be 0.
  ///
  /// - Parameters:
  ///   - a: [m, k].
  ///   - c: [m, k]; must not share memory with `a` or `u`.
  public static func multiply(
    _ a: Tensor, upper u: Tensor, into c: Tensor, transposed: Bool = false
  ) {
    let (m, k) = (a.rows, a.columns)
    precondition(
      u.rows == k && u.columns == k && c.rows == m && c.columns == k && !c.isReadOnly,
      "\(a.shape) × triangle \(u.shape) into \(c.shape)")
    let (width, height) = (96, 1200)
    let across = (k + width - 1) / width
    let down = (m + height - 1) / height
    Parallel.forEach(across * down) { i in
      let top = i % down * height
      let rows = top..<min(m, top + height)
      // Wide parts first here too.
      let left = (transposed ? i / down : across - 1 - i / down) * width
      let right = min(k, left + width)
      let inner = transposed ? left..<k : 0..<right
      let place = unsafe u.pointer + inner.lowerBound * (transposed ? 1 : k)
      unsafe Gemm(
        m: m, n: k, k: inner.count, a: a.pointer + inner.lowerBound, lda: k, b: place, ldb: k,
        transposeB: transposed, c: c.pointer, ldc: k
      ).part(rows, left..<right).run()
    }
  }
}
