import CKernels
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// The normalisation kernels and their plain twins against the formula, written with `Bounded`
  /// numbers.
  @Suite struct NormalisationTwins {
    private static let epsilon: Float = 1e-5

    /// Returns 1 / √(squares / n + ε) for a sum of squares.
    private static func inverse(_ squares: Bounded, _ n: Int) -> Bounded {
      Bounded(1) / (squares / Bounded(Double(n)) + Bounded(epsilon)).squareRoot
    }

    @Test func rootMeanSquare() {
      forEachSize { n, random, note in
        let (x, gain, dy) = (random.floats(n), random.floats(n), random.floats(n))
        var (y, plainY) = (x, x)
        var (inverse, plainInverse): (Float, Float) = (0, 0)
        unsafe ctk_rms_norm(x, gain, Self.epsilon, &y, &inverse, n)
        unsafe ctk_rms_norm_ref(x, gain, Self.epsilon, &plainY, &plainInverse, n)
        let r = Self.inverse(.dot(exact(x), exact(x)), n)
        let normed = zip(x, gain).map { Bounded($0) * r * Bounded($1) }
        expectClose(y, normed, note)
        expectClose(plainY, normed, note)
        expectClose([inverse, plainInverse], [r, r], note)
        for accumulate: Int32 in [0, 1] {
          var (dx, plainDx) = (gain, gain)
          unsafe ctk_rms_norm_backward(dy, x, gain, inverse, &dx, accumulate, n)
          unsafe ctk_rms_norm_backward_ref(dy, x, gain, inverse, &plainDx, accumulate, n)
          let scaled = zip(dy, gain).map { Bounded($0) * Bounded($1) }
          let r = Bounded(inverse)
          let pull = Bounded.dot(scaled, exact(x)) * r * r * r / Bounded(Double(n))
          let expected = (0..<n).map { i in
            let own = scaled[i] * r - Bounded(x[i]) * pull
            return accumulate == 1 ? own + Bounded(gain[i]) : own
          }
          expectClose(dx, expected, note)
          expectClose(plainDx, expected, note)
        }
      }
    }

    @Test func layerNormalisation() {
      forEachSize { n, random, note in
        // With a mean far from 0, the variance would be lost in a plain sum of squares.
        let x = random.floats(n).map { 30 + $0 }
        let (gain, bias, dy) = (random.floats(n), random.floats(n), random.floats(n))
        var (y, plainY) = (x, x)
        var (mean, plainMean, inverse, plainInverse): (Float, Float, Float, Float) = (0, 0, 0, 0)
        unsafe ctk_layer_norm(x, gain, bias, Self.epsilon, &y, &mean, &inverse, n)
        unsafe ctk_layer_norm_ref(
          x, gain, bias, Self.epsilon, &plainY, &plainMean, &plainInverse, n)
        let m = Bounded.sum(exact(x)) / Bounded(Double(n))
        let left = x.map { Bounded($0) - m }
        let r = Self.inverse(.dot(left, left), n)
        let normed = (0..<n).map { left[$0] * r * Bounded(gain[$0]) + Bounded(bias[$0]) }
        expectClose([mean, plainMean, inverse, plainInverse], [m, m, r, r], note)
        expectClose(y, normed, note)
        expectClose(plainY, normed, note)
        for accumulate: Int32 in [0, 1] {
          var (dx, plainDx) = (gain, gain)
          unsafe ctk_layer_norm_backward(
            dy, x, gain, plainMean, plainInverse, &dx, accumulate, n)
          unsafe ctk_layer_norm_backward_ref(
            dy, x, gain, plainMean, plainInverse, &plainDx, accumulate, n)
          let (m, r, count) = (Bounded(plainMean), Bounded(plainInverse), Bounded(Double(n)))
          let scaled = zip(dy, gain).map { Bounded($0) * Bounded($1) }
          let normed = x.map { (Bounded($0) - m) * r }
          let (shift, pull) = (Bounded.sum(scaled) / count, Bounded.dot(scaled, normed) / count)
          let expected = (0..<n).map { i in
            let own = (scaled[i] - shift - normed[i] * pull) * r
            return accumulate == 1 ? own + Bounded(gain[i]) : own
          }
          expectClose(dx, expected, note)
          expectClose(plainDx, expected, note)
        }
        // In place, as in training.
        var inPlace = x
        unsafe inPlace.withUnsafeMutableBufferPointer { buffer in
          guard let p = buffer.baseAddress else { return }
          unsafe ctk_layer_norm(p, gain, bias, Self.epsilon, p, &mean, &inverse, n)
        }
        #expect(inPlace == y, note)
      }
    }
  }
}
