import CKernels

/// Products with activations, forward and backward.
extension Weight {
  /// Computes y = x·Wᵀ for x [m, inputs] and y [m, outputs]; the product is added to y if
  /// `accumulate`.
  package func apply(
    _ x: Tensor, into y: Tensor, accumulate: Bool = false, arithmetic: Arithmetic = .float32
  ) {
    apply(ProductInput(x, arithmetic), into: y, accumulate: accumulate)
  }

  /// Computes y = x·Wᵀ for a prepared input x [m, inputs] and y [m, outputs]; the product is added
  /// to y if `accumulate`.
  package func apply(_ input: ProductInput, into y: Tensor, accumulate: Bool = false) {
    let x = input.rows
    let m = x.rows
    precondition(
      x.columns == columns && y.rows == m && y.columns == rows && !y.isReadOnly,
      "\(x.shape) through weights [\(rows), \(columns)] into \(y.shape)")
    if m <= DecodeProducts.maxRows { return decode(x, y, accumulate, input.arithmetic) }
    if let packed = input.packed {
      return multiply(packed, into: y, accumulate: accumulate, transposed: false)
    }
    unsafe withFloats { values, stored in
      unsafe Gemm(
        m: m, n: rows, k: columns, a: x.pointer, lda: columns, b: values, ldb: columns,
        transposeB: true, c: y.pointer, ldc: rows, beta: accumulate ? 1 : 0, weight: stored
      ).runTiled()
    }
  }

  /// Computes dx = dy·W for dy [m, outputs] and dx [m, inputs]; the product is added to dx if
  /// `accumulate`.
  package func applyTransposed(
    _ dy: Tensor, into dx: Tensor, accumulate: Bool = false, arithmetic: Arithmetic = .float32
  ) {
    let m = dy.rows
    precondition(
      dy.columns == rows && dx.rows == m && dx.columns == columns && !dx.isReadOnly,
      "\(dy.shape) back through weights [\(rows), \(columns)] into \(dx.shape)")
    if arithmetic.available == .bfloat16 {
      return multiply(PackedRows(dy), into: dx, accumulate: accumulate, transposed: true)
    }
    unsafe withFloats { values, stored in
      unsafe Gemm(
        m: m, n: columns, k: rows, a: dy.pointer, lda: rows, b: values, ldb: columns,
        c: dx.pointer, ldc: columns, beta: accumulate ? 1 : 0, weight: stored
      ).runTiled()
    }
  }

  /// Calls `body` with the values of dense weights, otherwise with the C description of stored
  /// ones.
  private func withFloats(
    _ body: (UnsafePointer<Float>?, UnsafePointer<ctk_weight>?) -> Void
  ) {
    if case .dense(let tensor) = self {
      return unsafe body(UnsafePointer(tensor.pointer), nil)
    }
    unsafe withStored { unsafe body(nil, $0) }
  }

  private func decode(_ x: Tensor, _ y: Tensor, _ accumulate: Bool, _ arithmetic: Arithmetic) {
    let product = accumulate ? Tensor(uninitialized: [x.rows, rows]) : y
    DecodeProducts.multiply(x, [(self, product)], arithmetic: arithmetic)
    if accumulate { Vector.add(product, into: y) }
  }
}
