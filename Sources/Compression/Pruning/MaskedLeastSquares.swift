import Bytes
import CKernels
import Numerics

/// The least-squares weights under a mask: per row, the minimum of (w − w₀) H (w − w₀)ᵀ over the
/// kept columns.
///
/// SparseGPT compensates for a dropped weight in later columns only; once the mask is known, all
/// kept weights can move. Conjugate gradients with H's diagonal as preconditioner solve many rows
/// together, so that the work is matrix products.
enum MaskedLeastSquares {
  /// Rows per matrix product.
  private static let rowsAtOnce = 512

  /// Moves `weight` [out, in], whose dropped columns are 0, towards the minimum.
  ///
  /// - Parameters:
  ///   - original: [out, in] w₀.
  ///   - kept: [out, in], 1 = kept.
  ///   - hessian: [in, in], symmetric.
  ///   - damping: added to H's diagonal; > 0 if the diagonal has zeros.
  ///   - steps: conjugate-gradient steps; none increases the error.
  static func improve(
    _ weight: Tensor, towards original: Tensor, kept: [UInt8], hessian: Tensor, damping: Float,
    steps: Int
  ) {
    let (rows, n) = (weight.rows, weight.columns)
    precondition(original.shape == weight.shape && kept.count == rows * n && !weight.isReadOnly)
    precondition(hessian.shape == [n, n] && damping >= 0)
    let damped = hessian.copy()
    var inverse = [Float](repeating: 0, count: n)
    for i in 0..<n {
      damped[i, i] += damping
      inverse[i] = damped[i, i] > 0 ? 1 / damped[i, i] : 0
    }
    for start in stride(from: 0, to: rows, by: rowsAtOnce) {
      let range = start..<min(rows, start + rowsAtOnce)
      improveRows(
        weight.rows(range), towards: original.rows(range),
        kept: Array(kept[start * n..<range.upperBound * n]), damped: damped, inverse: inverse,
        steps: steps)
    }
  }

  private static func improveRows(
    _ weight: Tensor, towards original: Tensor, kept: [UInt8], damped: Tensor, inverse: [Float],
    steps: Int
  ) {
    let (rows, n) = (weight.rows, weight.columns)
    let difference = original.copy()
    Vector.add(weight, scaledBy: -1, into: difference)
    let residual = Tensor(uninitialized: weight.shape)
    MatMul.multiply(difference, damped, into: residual)
    let (direction, product) = (difference, Tensor(uninitialized: weight.shape))
    var energies = [Double](repeating: 0, count: rows)
    unsafe energies.withUnsafeMutableBufferPointer { energies in
      nonisolated(unsafe) let energies = unsafe energies
      unsafe forEachRow(rows, kept, inverse) { row, kept, inverse in
        guard let energy = unsafe energies.baseAddress else { return }
        unsafe ctk_masked_least_squares_begin(
          kept + row * n, inverse, n, residual.pointer + row * n, direction.pointer + row * n,
          energy + row)
      }
      for _ in 0..<steps {
        MatMul.multiply(direction, damped, into: product)
        unsafe forEachRow(rows, kept, inverse) { row, kept, inverse in
          guard let energy = unsafe energies.baseAddress else { return }
          unsafe ctk_masked_least_squares_step(
            kept + row * n, inverse, product.pointer + row * n, n, weight.pointer + row * n,
            residual.pointer + row * n, direction.pointer + row * n, energy + row)
        }
      }
    }
  }

  private static func forEachRow(
    _ rows: Int, _ kept: [UInt8], _ inverse: [Float],
    _ body: @Sendable (Int, UnsafePointer<UInt8>, UnsafePointer<Float>) -> Void
  ) {
    unsafe kept.withUnsafeBufferPointer { kept in
      unsafe inverse.withUnsafeBufferPointer { inverse in
        guard let kept = kept.baseAddress, let inverse = inverse.baseAddress else {
          return
        }
        nonisolated(unsafe) let marks = unsafe kept
        nonisolated(unsafe) let scales = unsafe inverse
        Parallel.ranges(rows, grain: 16) { range in
          for row in range { unsafe body(row, marks, scales) }
        }
      }
    }
  }
}
