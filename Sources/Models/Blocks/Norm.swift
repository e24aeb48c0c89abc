import Checkpoints
import Numerics

/// A frozen normalisation of rows: RMS norm or layer norm.
package enum Norm: Sendable {
  /// RMS norm: gain [d].
  case rms(gain: Tensor, epsilon: Float)
  /// Layer norm: gain and bias [d], ones and zeros if the model has neither.
  case layer(gain: Tensor, bias: Tensor, epsilon: Float)

  /// Computes y = norm(x), both [m, d]; y may be x. `statistics`, of m rows, receives the numbers
  /// that `backward` reads.
  package func forward(_ x: Tensor, into y: Tensor, statistics: NormStatistics? = nil) {
    switch self {
    case .rms(let gain, let epsilon):
      RMSNorm.forward(x, gain: gain, epsilon: epsilon, into: y, inverseRMS: statistics?.inverse)
    case .layer(let gain, let bias, let epsilon):
      LayerNorm.forward(
        x, gain: gain, bias: bias, epsilon: epsilon, into: y,
        statistics: statistics.map { ($0.mean, $0.inverse) })
    }
  }

  /// Computes the gradient with respect to x, dx [m, d], from that with respect to y, dy [m, d];
  /// adds to dx if `accumulate`. Otherwise dx may be dy.
  func backward(
    _ dy: Tensor, x: Tensor, statistics: NormStatistics, into dx: Tensor, accumulate: Bool
  ) {
    switch self {
    case .rms(let gain, _):
      RMSNorm.backward(
        dy, x: x, gain: gain, inverseRMS: statistics.inverse, into: dx, accumulate: accumulate)
    case .layer(let gain, _, _):
      LayerNorm.backward(
        dy, x: x, gain: gain, statistics: (statistics.mean, statistics.inverse), into: dx,
        accumulate: accumulate)
    }
  }
}

/// Per-row statistics that a norm's backward pass reads.
package struct NormStatistics: Sendable {
  /// Means of the rows [m]; unused by RMS norms.
  let mean: Tensor
  /// 1/RMS or 1/standard deviation of the rows [m].
  let inverse: Tensor

  /// Numbers kept per row.
  static let perRow = 2

  init(rows: Int) {
    self.init(mean: Tensor([rows]), inverse: Tensor([rows]))
  }

  private init(mean: Tensor, inverse: Tensor) {
    self.mean = mean
    self.inverse = inverse
  }

  func rows(_ range: Range<Int>) -> NormStatistics {
    NormStatistics(mean: mean.rows(range), inverse: inverse.rows(range))
  }
}

/// A block's two norms by position: each half of a block computes x → after(x + f(before(x))).
package struct BlockNorms: Sendable {
  /// Norm of attention's input.
  package let beforeAttention: Norm?
  /// Norm of the residual stream after attention.
  package let afterAttention: Norm?
  /// Norm of the feed-forward's input.
  package let beforeFeedForward: Norm?
  /// Norm of the residual stream after the feed-forward.
  package let afterFeedForward: Norm?
  /// The norm between attention and feed-forward.
  let middle: Norm

  package init(_ placement: ModelDesign.NormPlacement, attention: Norm, feedForward: Norm) {
    let isBefore = placement == .before
    beforeAttention = isBefore ? attention : nil
    beforeFeedForward = isBefore ? feedForward : nil
    afterAttention = isBefore ? nil : attention
    afterFeedForward = isBefore ? nil : feedForward
    middle = isBefore ? feedForward : attention
  }
}
