import CKernels

/// Products with inputs, forwards and backwards.
extension Weight {
  /// y = x·Wᵀ (added to y where `accumulate`), x [m, inputs], y [m, outputs].
  package func apply(
    _ x: Tensor, into y: Tensor, accumulate: Bool = false, arithmetic: Arithmetic = .float32
  ) {
    apply(ProductInput(x, arithmetic), into: y, accumulate: accumulate)
  }

  /// As above, with the input in the form of its arithmetic.
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

  /// dx = dy·W (added to dx where `accumulate`), dy [m, outputs], dx [m, inputs].
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

  /// Calls `body` with the values where they are in float32, else with what products decode.
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
