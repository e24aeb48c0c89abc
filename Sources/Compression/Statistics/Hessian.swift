import Bytes
import Numerics

/// The second moment of a layer's input, H = (2/N) Σ x xᵀ, gathered chunk by chunk as a running
/// mean.
///
/// All matrices that read the same input (q, k, v; gate, up) share one.
package struct Hessian: Sendable {
  /// [k, k], both triangles.
  package let matrix: Tensor
  /// Input rows seen so far.
  package private(set) var samples = 0

  package init(columns: Int) {
    matrix = Tensor([columns, columns])
  }

  /// H of inputs that were seen elsewhere.
  ///
  /// - Parameter matrix: [k, k] symmetric.
  package init(matrix: Tensor, samples: Int) {
    self.matrix = matrix
    self.samples = samples
  }

  package var columns: Int { matrix.rows }

  /// Adds the rows of `x`, [m, k]. The order of calls matters to the last bit: keep it fixed.
  package mutating func add(_ x: Tensor) {
    guard x.rows > 0 else { return }
    let total = samples + x.rows
    MatMul.gram(
      x, into: matrix, scale: 2 / Float(total), keep: Float(samples) / Float(total))
    samples = total
  }

  /// H_cc by column: 2 · the mean square of input c.
  package var diagonal: [Float] {
    (0..<columns).map { matrix[$0, $0] }
  }
}
