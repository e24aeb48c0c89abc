import Bytes
import CKernels

/// Root-mean-square normalisation of rows (Zhang and Sennrich, arXiv 1910.07467).
package enum RMSNorm {
  /// Computes y = x·r·gain with r = 1/√(mean x² + epsilon) per row, for x and y [m, d] and gain
  /// [d]. `inverseRMS` [m], if given, receives r for `backward`.
  package static func forward(
    _ x: Tensor, gain: Tensor, epsilon: Float, into y: Tensor, inverseRMS: Tensor? = nil
  ) {
    let d = x.columns
    precondition(gain.count == d && y.count == x.count && !y.isReadOnly)
    precondition(inverseRMS.map { $0.count == x.rows && !$0.isReadOnly } ?? true)
    Parallel.ranges(x.rows, grain: 32) { rows in
      var inverse: Float = 0
      for i in rows {
        unsafe ctk_rms_norm(
          x.pointer + i * d, gain.pointer, epsilon, y.pointer + i * d, &inverse, d)
        if let inverseRMS { unsafe inverseRMS.pointer[i] = inverse }
      }
    }
  }

  /// Computes the gradient with respect to x, `dx` [m, d], from that with respect to y. It is added
  /// to dx if `accumulate`.
  package static func backward(
    _ dy: Tensor, x: Tensor, gain: Tensor, inverseRMS: Tensor, into dx: Tensor,
    accumulate: Bool = false
  ) {
    let d = x.columns
    precondition(gain.count == d && dy.count == x.count && dx.count == x.count && !dx.isReadOnly)
    precondition(inverseRMS.count == x.rows)
    Parallel.ranges(x.rows, grain: 32) { rows in
      for i in rows {
        unsafe ctk_rms_norm_backward(
          dy.pointer + i * d, x.pointer + i * d, gain.pointer, inverseRMS.pointer[i],
          dx.pointer + i * d, accumulate ? 1 : 0, d)
      }
    }
  }
}
