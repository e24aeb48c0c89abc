import Numerics

/// The correlation of a layer's input x with its drift, D = (2/N) Σ (x_full − x) xᵀ, accumulated
/// over chunks as a running mean.
package struct InputDrift: Sendable {
  /// [k, k], not symmetric: rows by x_full − x, columns by x.
  package let matrix: Tensor
  /// [d, k] E = (2/N) Σ (r_full − r) xᵀ for the residual stream r that the layer's output is added
  /// to; nil if no layer corrects for its drift.
  package let stream: Tensor?
  /// Input rows seen so far.
  package private(set) var samples = 0

  /// - Parameter stream: the residual stream's width d; nil for layers that don't add to it or
  ///   don't correct for its drift.
  package init(columns: Int, stream: Int? = nil) {
    matrix = Tensor([columns, columns])
    self.stream = stream.map { Tensor([$0, columns]) }
  }

  package var columns: Int { matrix.rows }

  /// Adds inputs [m, k] of the compressed model and the uncompressed model's inputs for the same
  /// tokens. The last bits depend on the order of calls, so keep it fixed.
  ///
  /// - Parameter streams: [m, d] rows of the residual stream in the compressed and in the
  ///   uncompressed model.
  package mutating func add(
    _ x: Tensor, full: Tensor, streams: (rows: Tensor, full: Tensor)? = nil
  ) {
    guard x.rows > 0 else { return }
    let total = samples + x.rows
    func add(_ rows: Tensor, _ full: Tensor, to sum: Tensor) {
      let difference = full.copy()
      Vector.add(rows, scaledBy: -1, into: difference)
      MatMul.multiply(
        difference, x, into: sum, transposeA: true, alpha: 2 / Float(total),
        beta: Float(samples) / Float(total))
    }
    add(x, full, to: matrix)
    if let stream, let streams { add(streams.rows, streams.full, to: stream) }
    samples = total
  }
}
