import CKernels

/// Products with inputs, forwards and backwards.
extension Weight {
  /// Inputs of at most this many rows go through dot products, row by row of the weights: there the
  /// time is what it takes to read the weights.
  static let fewRows = 8
  /// Weights that must be decoded first are, this many floats at a time.
  static let chunk = 1 << 22

  /// y = x·Wᵀ (added to y where `accumulate`), x [m, inputs], y [m, outputs].
  public func apply(
    _ x: Tensor, into y: Tensor, accumulate: Bool = false, arithmetic: Arithmetic = .float32
  ) {
    let few = x.rows <= Self.fewRows
    apply(ProductInput(x, few ? .float32 : arithmetic), into: y, accumulate: accumulate)
  }

  /// As above, with the input in the form of its arithmetic.
  public func apply(_ input: ProductInput, into y: Tensor, accumulate: Bool = false) {
    let x = input.rows
    let m = x.rows
    precondition(
      x.columns == columns && y.rows == m && y.columns == rows && !y.isReadOnly,
      "\(x.shape) through weights [\(rows), \(columns)] into \(y.shape)")
    if m <= Self.fewRows { return applyToFew(x, y, accumulate) }
    if let packed = input.packed {
      return multiply(packed, into: y, accumulate: accumulate, transposed: false)
    }
    unsafe forEachChunk { range, weights in
      unsafe Gemm(
        m: m, n: range.count, k: columns, a: x.pointer, lda: columns, b: weights, ldb: columns,
        transposeB: true, c: y.pointer + range.lowerBound, ldc: rows, beta: accumulate ? 1 : 0
      ).runTiled()
    }
  }

  /// dx = dy·W (added to dx where `accumulate`), dy [m, outputs], dx [m, inputs].
  public func applyTransposed(
    _ dy: Tensor, into dx: Tensor, accumulate: Bool = false, arithmetic: Arithmetic = .float32
  ) {
    let m = dy.rows
    precondition(
      dy.columns == rows && dx.rows == m && dx.columns == columns && !dx.isReadOnly,
      "\(dy.shape) back through weights [\(rows), \(columns)] into \(dx.shape)")
    if arithmetic.available == .bfloat16 {
      return multiply(PackedRows(dy), into: dx, accumulate: accumulate, transposed: true)
    }
    var beta: Float = accumulate ? 1 : 0
    unsafe forEachChunk { range, weights in
      unsafe Gemm(
        m: m, n: columns, k: range.count, a: dy.pointer + range.lowerBound, lda: rows, b: weights,
        ldb: columns, c: dx.pointer, ldc: columns, beta: beta
      ).runTiled()
      beta = 1
    }
  }

  /// Calls `body` with all rows in float32, a chunk at a time.
  private func forEachChunk(_ body: (Range<Int>, UnsafePointer<Float>) -> Void) {
    if case .dense(let tensor) = self {
      return unsafe body(0..<rows, UnsafePointer(tensor.pointer))
    }
    let step = max(64, min(rows, Self.chunk / columns / 64 * 64))
    let scratch = Tensor(uninitialized: [min(step, rows), columns])
    for start in stride(from: 0, to: rows, by: step) {
      let range = start..<min(rows, start + step)
      Parallel.ranges(range.count, grain: 32) { part in
        unsafe decode(
          start + part.lowerBound..<start + part.upperBound,
          into: scratch.pointer + part.lowerBound * columns)
      }
      unsafe body(range, UnsafePointer(scratch.pointer))
    }
  }

  private func applyToFew(_ x: Tensor, _ y: Tensor, _ accumulate: Bool) {
    let m = x.rows
    let atOnce = 8
    Parallel.ranges(rows, grain: 64) { range in
      unsafe withUnsafeTemporaryAllocation(
        of: Float.self, capacity: isDense ? 1 : atOnce * columns
      ) { scratch in
        guard let scratch = scratch.baseAddress else { return }
        for start in stride(from: range.lowerBound, to: range.upperBound, by: atOnce) {
          let some = start..<min(range.upperBound, start + atOnce)
          let weights = unsafe floats(some, scratch: scratch)
          for row in some {
            unsafe ctk_dot_rows(
              weights + (row - start) * columns, x.pointer, columns, m, columns, y.pointer + row,
              rows, accumulate ? 1 : 0)
          }
        }
      }
    }
  }
}
