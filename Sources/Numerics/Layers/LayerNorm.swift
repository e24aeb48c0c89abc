import Bytes
import CKernels

/// Layer normalisation, by the mean and variance of each row (Ba, Kiros and Hinton, arXiv
/// 1607.06450).
package enum LayerNorm {
  /// Computes y = (x − mean)·r·gain + bias with r = 1/√(variance + epsilon) per row, for x and y
  /// [m, d] (y may be x), gain and bias [d]. `statistics`, if given, receive mean and r [m] for
  /// `backward`.
  package static func forward(
    _ x: Tensor, gain: Tensor, bias: Tensor, epsilon: Float, into y: Tensor,
    statistics: (mean: Tensor, inverse: Tensor)? = nil
  ) {
    let d = x.columns
    precondition(gain.count == d && bias.count == d && y.count == x.count && !y.isReadOnly)
    if let (mean, inverse) = statistics {
      precondition(mean.count == x.rows && inverse.count == x.rows)
      precondition(!mean.isReadOnly && !inverse.isReadOnly)
    }
    Parallel.ranges(x.rows, grain: 32) { rows in
      var (mean, inverse) = (Float(0), Float(0))
      for i in rows {
        unsafe ctk_layer_norm(
          x.pointer + i * d, gain.pointer, bias.pointer, epsilon, y.pointer + i * d, &mean,
          &inverse, d)
        if let statistics {
          unsafe statistics.mean.pointer[i] = mean
          unsafe statistics.inverse.pointer[i] = inverse
        }
      }
    }
  }

  /// Computes the gradient with respect to x, `dx` [m, d], from that with respect to y. It is added
  /// to dx if `accumulate`; otherwise dx may be dy.
  package static func backward(
    _ dy: Tensor, x: Tensor, gain: Tensor, statistics: (mean: Tensor, inverse: Tensor),
    into dx: Tensor, accumulate: Bool = false
  ) {
    let d = x.columns
    precondition(gain.count == d && dy.count == x.count && dx.count == x.count && !dx.isReadOnly)
    precondition(statistics.mean.count == x.rows && statistics.inverse.count == x.rows)
    Parallel.ranges(x.rows, grain: 32) { rows in
      for i in rows {
        unsafe ctk_layer_norm_backward(
          dy.pointer + i * d, x.pointer + i * d, gain.pointer, statistics.mean.pointer[i],
          statistics.inverse.pointer[i], dx.pointer + i * d, accumulate ? 1 : 0, d)
      }
    }
  }
}
