import Bytes
import CKernels
import Synchronization

/// A low-rank matrix beside a frozen one: y += scale·B·(A·x), A [r, inputs], B [outputs, r] (Hu et
/// al., arXiv 2106.09685 §4.1). Always in float32, whatever the arithmetic of the frozen matrix. A
/// and B must not change while it is in use.
package struct LowRank: Sendable {
  /// [r, inputs]
  package let a: Tensor
  /// [outputs, r]
  package let b: Tensor
  /// alpha / r
  package let scale: Float
  /// For tokens being generated; training has no use for it.
  private let scaledAcross = LazyTensor()

  package init(a: Tensor, b: Tensor, scale: Float) {
    precondition(a.rows == b.columns, "A \(a.shape) and B \(b.shape) have one rank")
    self.a = a
    self.b = b
    self.scale = scale
  }

  package var rank: Int { a.rows }

  /// y += scale·B·(A·x), x [m, inputs], y [m, outputs].
  package func apply(_ x: Tensor, addedTo y: Tensor) {
    check(x, y)
    guard x.rows > DecodeProducts.maxRows else { return decode(x, y) }
    MatMul.multiply(reduced(x), b, into: y, transposeB: true, alpha: scale, beta: 1)
  }

  /// dx += scale·Aᵀ·(Bᵀ·dy)
  package func applyTransposed(_ dy: Tensor, addedTo dx: Tensor) {
    check(dx, dy)
    MatMul.multiply(widened(dy), a, into: dx, alpha: scale, beta: 1)
  }

  /// The gradients to A and B (overwritten), from the rows that went in and the gradient to those
  /// that came out.
  package func gradient(x: Tensor, dy: Tensor, a dA: Tensor, b dB: Tensor) {
    check(x, dy)
    precondition(dA.shape == a.shape && dB.shape == b.shape, "gradients as large as A and B")
    MatMul.multiply(widened(dy), x, into: dA, transposeA: true, alpha: scale)
    MatMul.multiply(dy, reduced(x), into: dB, transposeA: true, alpha: scale)
  }

  private func check(_ x: Tensor, _ y: Tensor) {
    precondition(
      x.rows == y.rows && x.columns == a.columns && y.columns == b.rows,
      "\(x.shape) and \(y.shape) beside [\(b.rows), \(a.columns)]")
  }

  /// A·x per row [m, r].
  private func reduced(_ x: Tensor) -> Tensor {
    let result = Tensor(uninitialized: [x.rows, rank])
    unsafe Gemm(
      m: x.rows, n: rank, k: x.columns, a: x.pointer, lda: x.columns, b: a.pointer, ldb: a.columns,
      transposeB: true, c: result.pointer, ldc: rank
    ).runByRows()
    return result
  }

  /// Bᵀ·dy per row [m, r].
  private func widened(_ dy: Tensor) -> Tensor {
    let result = Tensor(uninitialized: [dy.rows, rank])
    unsafe Gemm(
      m: dy.rows, n: rank, k: dy.columns, a: dy.pointer, lda: dy.columns, b: b.pointer, ldb: rank,
      c: result.pointer, ldc: rank
    ).runByRows()
    return result
  }

  /// Tokens being generated: too little work for a second thread. Row by row of Bᵀ, because sums
  /// over a rank of 8 would cost more than their products.
  private func decode(_ x: Tensor, _ y: Tensor) {
    let (inputs, outputs) = (a.columns, b.rows)
    let across = scaledAcross.value { scaledTransposed() }
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: rank) { reduced in
      guard let reduced = reduced.baseAddress else { return }
      for row in 0..<x.rows {
        unsafe ctk_dot_rows(
          x.pointer + row * inputs, a.pointer, inputs, rank, inputs, reduced, 1, 0)
        for i in 0..<rank {
          unsafe ctk_add_scaled(
            across.pointer + i * outputs, reduced[i], y.pointer + row * outputs, outputs)
        }
      }
    }
  }

  /// scale·Bᵀ [r, outputs].
  private func scaledTransposed() -> Tensor {
    let one = Tensor([rank, rank])
    for i in 0..<rank { one[i, i] = 1 }
    let result = Tensor([rank, b.rows])
    MatMul.multiply(one, b, into: result, transposeB: true, alpha: scale)
    return result
  }
}

/// A tensor that is made when it is first asked for.
private final class LazyTensor: Sendable {
  private let made = Mutex<Tensor?>(nil)

  func value(_ make: () -> Tensor) -> Tensor {
    made.withLock { made in
      let value = made ?? make()
      made = value
      return value
    }
  }
}

extension Gemm {
  /// On all threads, for products with few columns: in tiles of rows alone.
  fileprivate func runByRows() {
    let height = 64
    nonisolated(unsafe) let whole = unsafe self
    Parallel.forEach(unsafe (m + height - 1) / height) { i in
      unsafe whole.part(i * height..<min(whole.m, (i + 1) * height), 0..<whole.n).run()
    }
  }
}
