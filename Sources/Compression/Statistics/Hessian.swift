import Bytes
import Numerics

/// The second moment of a layer's input, H = (2/N) Σ x xᵀ, accumulated over chunks as a running
/// mean.
///
/// Matrices that read the same input (q, k, v; gate, up) share one Hessian.
package struct Hessian: Sendable {
  /// [k, k], both triangles.
  package let matrix: Tensor
  /// Input rows seen so far.
  package private(set) var samples = 0

  package init(columns: Int) {
    matrix = Tensor([columns, columns])
  }

  /// A Hessian that was computed elsewhere.
  ///
  /// - Parameter matrix: [k, k] symmetric.
  package init(matrix: Tensor, samples: Int) {
    self.matrix = matrix
    self.samples = samples
  }

  package var columns: Int { matrix.rows }

  /// Adds the rows of `x`, [m, k]. The last bits depend on the order of calls, so keep it fixed.
  package mutating func add(_ x: Tensor) {
    guard x.rows > 0 else { return }
    let total = samples + x.rows
    MatMul.gram(
      x, into: matrix, scale: 2 / Float(total), keep: Float(samples) / Float(total))
    samples = total
  }

  /// H_cc by column: twice the mean square of input c.
  package var diagonal: [Float] {
    (0..<columns).map { matrix[$0, $0] }
  }
}
