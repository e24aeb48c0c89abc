import Bytes
import CKernels

/// Root-mean-square normalisation of rows (Zhang and Sennrich, arXiv 1910.07467).
package enum RMSNorm {
  /// y = x·r·gain, r = 1/√(mean x² + epsilon) per row; x and y [m, d], gain [d]. r goes to
  /// `inverseRMS` [m] where given, for `backward`.
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

  /// The gradient to x, from that to y; added to dx where `accumulate`.
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
