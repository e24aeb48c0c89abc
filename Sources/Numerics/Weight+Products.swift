import CKernels

/// Products with inputs, forwards and backwards.
extension Weight {
  /// Weights that must be decoded first are, this many floats at a time.
  static let chunk = 1 << 22

  /// y = x·Wᵀ (added to y where `accumulate`), x [m, inputs], y [m, outputs].
  public func apply(
    _ x: Tensor, into y: Tensor, accumulate: Bool = false, arithmetic: Arithmetic = .float32
  ) {
    apply(ProductInput(x, arithmetic), into: y, accumulate: accumulate)
  }

  /// As above, with the input in the form of its arithmetic.
  public func apply(_ input: ProductInput, into y: Tensor, accumulate: Bool = false) {
    let x = input.rows
    let m = x.rows
    precondition(
      x.columns == columns && y.rows == m && y.columns == rows && !y.isReadOnly,
      "\(x.shape) through weights [\(rows), \(columns)] into \(y.shape)")
    if m <= FewRows.most { return applyToFew(x, y, accumulate, input.arithmetic) }
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

  private func applyToFew(_ x: Tensor, _ y: Tensor, _ accumulate: Bool, _ arithmetic: Arithmetic) {
    let product = accumulate ? Tensor(uninitialized: [x.rows, rows]) : y
    FewRows.multiply(x, [(self, product)], arithmetic: arithmetic)
    if accumulate { Vector.add(product, into: y) }
  }
}
