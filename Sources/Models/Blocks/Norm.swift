import Checkpoints
import Numerics

/// A frozen normalisation of rows, whichever kind the model has.
package enum Norm: Sendable {
  /// Root mean square: gain [d].
  case rms(gain: Tensor, epsilon: Float)
  /// Mean and variance: gain and bias [d], ones and zeros where the model has neither.
  case layer(gain: Tensor, bias: Tensor, epsilon: Float)

  /// y = norm(x), both [m, d]; y may be x. `statistics` of m rows receive what `backward` needs.
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

  /// The gradient to x, from that to y; added to dx where `accumulate`. Otherwise dx may be dy.
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

/// Statistics of each row that a norm's backward pass needs.
package struct NormStatistics: Sendable {
  /// The rows' means [m]; unused by a root mean square.
  let mean: Tensor
  /// 1/RMS, or 1/standard deviation [m].
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

/// A block's two norms by their place: each half of a block is x → after(x + f(before(x))).
package struct BlockNorms: Sendable {
  /// Norm of attention's input.
  package let beforeAttention: Norm?
  /// Norm of the residual stream after attention.
  package let afterAttention: Norm?
  package let beforeFeedForward: Norm?
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
