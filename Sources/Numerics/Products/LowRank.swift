import Bytes
import CKernels
import Synchronization

/// A low-rank update of a frozen linear layer: y += scale·B·(A·x) with A [r, inputs] and B
/// [outputs, r] (LoRA, Hu et al., arXiv 2106.09685 §4.1). It is computed in float32, regardless of
/// the frozen layer's arithmetic. A and B must not change while it is in use.
package struct LowRank: Sendable {
  /// A, [r, inputs].
  package let a: Tensor
  /// B, [outputs, r].
  package let b: Tensor
  /// alpha / r.
  package let scale: Float
  /// scale·Bᵀ [r, outputs], made when the first token is decoded; training doesn't need it.
  private let scaledTransposedB = LazyTensor()

  package init(a: Tensor, b: Tensor, scale: Float) {
    precondition(a.rows == b.columns, "A \(a.shape) and B \(b.shape) differ in rank")
    self.a = a
    self.b = b
    self.scale = scale
  }

  package var rank: Int { a.rows }

  /// Adds scale·B·(A·x) to y, for x [m, inputs] and y [m, outputs].
  package func apply(_ x: Tensor, addedTo y: Tensor) {
    check(x, y)
    guard x.rows > DecodeProducts.maxRows else { return decode(x, y) }
    MatMul.multiply(reduced(x), b, into: y, transposeB: true, alpha: scale, beta: 1)
  }

  /// Adds scale·Aᵀ·(Bᵀ·dy) to dx, for dy [m, outputs] and dx [m, inputs].
  package func applyTransposed(_ dy: Tensor, addedTo dx: Tensor) {
    check(dx, dy)
    MatMul.multiply(reducedGradient(dy), a, into: dx, alpha: scale, beta: 1)
  }

  /// Computes the gradients with respect to A and B from the inputs x [m, inputs] and the gradient
  /// dy [m, outputs]. `dA` and `dB` are overwritten.
  package func gradient(x: Tensor, dy: Tensor, a dA: Tensor, b dB: Tensor) {
    check(x, dy)
    precondition(
      dA.shape == a.shape && dB.shape == b.shape,
      "gradients \(dA.shape) and \(dB.shape) for A \(a.shape) and B \(b.shape)")
    MatMul.multiply(reducedGradient(dy), x, into: dA, transposeA: true, alpha: scale)
    MatMul.multiply(dy, reduced(x), into: dB, transposeA: true, alpha: scale)
  }

  private func check(_ x: Tensor, _ y: Tensor) {
    precondition(
      x.rows == y.rows && x.columns == a.columns && y.columns == b.rows,
      "inputs \(x.shape) and outputs \(y.shape) for a matrix [\(b.rows), \(a.columns)]")
  }

  /// Returns A·x per row, [m, r].
  private func reduced(_ x: Tensor) -> Tensor {
    let result = Tensor(uninitialized: [x.rows, rank])
    unsafe Gemm(
      m: x.rows, n: rank, k: x.columns, a: x.pointer, lda: x.columns, b: a.pointer, ldb: a.columns,
      transposeB: true, c: result.pointer, ldc: rank
    ).runByRows()
    return result
  }

  /// Returns Bᵀ·dy per row, [m, r].
  private func reducedGradient(_ dy: Tensor) -> Tensor {
    let result = Tensor(uninitialized: [dy.rows, rank])
    unsafe Gemm(
      m: dy.rows, n: rank, k: dy.columns, a: dy.pointer, lda: dy.columns, b: b.pointer, ldb: rank,
      c: result.pointer, ldc: rank
    ).runByRows()
    return result
  }

  /// Adds scale·B·(A·x) to y for a few rows, which are too little work for a second thread. It goes
  /// through Bᵀ row by row, because summing over a rank of 8 would cost more than the products.
  private func decode(_ x: Tensor, _ y: Tensor) {
    let (inputs, outputs) = (a.columns, b.rows)
    let across = scaledTransposedB.value { scaledTransposed() }
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

  /// Returns scale·Bᵀ, [r, outputs].
  private func scaledTransposed() -> Tensor {
    let one = Tensor([rank, rank])
    for i in 0..<rank { one[i, i] = 1 }
    let result = Tensor([rank, b.rows])
    MatMul.multiply(one, b, into: result, transposeB: true, alpha: scale)
    return result
  }
}

/// A tensor that is computed on first use.
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
  /// Computes a product with few columns on all threads, in tiles of whole rows.
  fileprivate func runByRows() {
    let height = 64
    nonisolated(unsafe) let whole = unsafe self
    Parallel.forEach(unsafe (m + height - 1) / height) { i in
      unsafe whole.part(i * height..<min(whole.m, (i + 1) * height), 0..<whole.n).run()
    }
  }
}
