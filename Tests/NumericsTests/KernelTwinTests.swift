import CKernels
import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// Fast kernels and their plain twins against the formula, at odd sizes and at every level. The
  /// formula is written with `Bounded` numbers, which derive the bound of each value. Twins that
  /// compute in float64 must be within it too.
  @Suite struct KernelTwins {
    @Test func elementwise() {
      forEachSize { n, random, note in
        let a = random.floats(n)
        let b = random.floats(n)
        var (fast, plain) = (b, b)
        unsafe ctk_add(a, &fast, n)
        unsafe ctk_add_ref(a, &plain, n)
        #expect(fast == plain, note)
        unsafe ctk_add_scaled(a, 0.37, &fast, n)
        let scaled = zip(plain, a).map { Bounded($0) + Bounded(Float(0.37)) * Bounded($1) }
        unsafe ctk_add_scaled_ref(a, 0.37, &plain, n)
        expectClose(fast, scaled, note)
        expectClose(plain, scaled, note)
        fast = plain
        unsafe ctk_scale(&fast, -1.7, n)
        unsafe ctk_scale_ref(&plain, -1.7, n)
        #expect(fast == plain, note)
        var (rows, plainRows) = (random.floats(3 * n), [Float]())
        plainRows = rows
        unsafe ctk_scale_rows(&rows, n, 3, n, [0.5, 1, -3])
        unsafe ctk_scale_rows_ref(&plainRows, n, 3, n, [0.5, 1, -3])
        #expect(rows == plainRows, note)
        var (sum, plainSum) = (0.0, 0.0)
        unsafe ctk_sum_of_squares(a, n, &sum)
        unsafe ctk_sum_of_squares_ref(a, n, &plainSum)
        // Two sums of n positive terms in float64, each with a relative error of at most γₙ₊₁.
        #expect(abs(sum - plainSum) <= 2 * Rounding.gamma(n + 1, Rounding.float64) * plainSum, note)
      }
    }

    @Test func exponentialIsWithinItsStatedError() {
      atEveryLevel { level in
        let x = (0...200_000).map { Float(-87.33 + Double($0) * (88.72 + 87.33) / 200_000) }
        var y = [Float](repeating: 0, count: x.count)
        unsafe ctk_exp(x, &y, x.count)
        var worst = 0.0
        for (x, y) in zip(x, y) {
          let exact = exp(Double(x))
          worst = max(worst, abs(Double(y) - exact) / Double(Float(exact).ulp))
        }
        #expect(worst < 1.1, "\(worst) ulp at \(level)")
        var edges: [Float] = [-.infinity, -1000, -87.34, 0, 89, .infinity]
        var result = edges
        unsafe ctk_exp(&edges, &result, edges.count)
        #expect(Array(result[0..<4]) == [0, 0, 0, 1], "\(level)")
        #expect(result[4].isFinite && result[4] > 3.4e38 && result[5] == result[4], "\(level)")
      }
    }

    @Test func plainActivations() {
      forEachSize { n, random, note in
        let (x, dy) = (random.floats(n, scale: 3), random.floats(n))
        var (y, plain) = (x, x)
        unsafe ctk_relu(x, &y, n)
        unsafe ctk_relu_ref(x, &plain, n)
        #expect(y == plain, note)
        unsafe ctk_relu_backward(dy, x, &y, n)
        unsafe ctk_relu_backward_ref(dy, x, &plain, n)
        #expect(y == plain, note)
        unsafe ctk_gelu(x, &y, n)
        unsafe ctk_gelu_ref(x, &plain, n)
        let normal = x.map(Self.normalDistribution)
        expectClose(y, zip(x, normal).map { Bounded($0) * $1.share }, note)
        expectClose(plain, zip(x, normal).map { Bounded($0) * $1.share }, note)
        unsafe ctk_gelu_backward(dy, x, &y, n)
        unsafe ctk_gelu_backward_ref(dy, x, &plain, n)
        let slope = zip(x, zip(dy, normal)).map { x, rest in
          Bounded(rest.0) * (rest.1.share + Bounded(x) * rest.1.bell * Self.densityAtZero)
        }
        expectClose(y, slope, note)
        expectClose(plain, slope, note)
      }
      let edges: [Float] = [-200, -40, 0, 40, 200, .nan]
      var y = edges
      unsafe ctk_relu(edges, &y, edges.count)
      #expect(y[0..<5] == [0, 0, 0, 40, 200] && y[5].isNaN)
      unsafe ctk_gelu(edges, &y, edges.count)
      #expect(y[0..<5] == [0, 0, 0, 40, 200] && y[5].isNaN)
    }

    /// The normal density at 0, 1 / √(2π), as a float32 constant.
    private static let densityAtZero = Bounded(1 / (2 * Double.pi).squareRoot()).rounded()

    /// Returns Φ(x) and e^(−x²/2) with bounds on their float32 errors. By formula 7.1.26 of
    /// Abramowitz and Stegun, Φ(−|x|) = ½·p(t)·e^(−x²/2) is off by 0.75·10⁻⁷, half of the error of
    /// erf, plus the rounding of its evaluation, for which the formula is evaluated here too.
    private static func normalDistribution(_ x: Float) -> (share: Bounded, bell: Bounded) {
      let bell = (Bounded(x) * Bounded(x) * Bounded(-0.5)).exponential
      let factor = Bounded(0.3275911 / 2.0.squareRoot()).rounded(3)
      let t = Bounded(1) / (Bounded(1) + factor * Bounded(abs(x)))
      var p = Bounded(Float(1.061405429))
      for coefficient: Float in [-1.453152027, 1.421413741, -0.284496736, 0.254829592] {
        p = p * t + Bounded(coefficient)
      }
      let tail = Bounded(0.5) * p * t * bell
      let share = x < 0 ? tail : Bounded(1) - tail
      let truth = 0.5 * erfc(-Double(x) / 2.0.squareRoot())
      // 10⁻⁸ covers the rounding of the constants to float32.
      return (Bounded(truth, error: share.error + 0.75e-7 + 1e-8), bell)
    }

    /// The error on a fixed grid is a property of the kernel, not of random numbers. 1.5·10⁻⁷ is
    /// the polynomial's own error, the rest its rounding.
    @Test func geluIsWithinItsStatedError() {
      atEveryLevel { level in
        let x = (-60_000...60_000).map { Float($0) / 5000 }
        var (y, plain) = (x, x)
        unsafe ctk_gelu(x, &y, x.count)
        unsafe ctk_gelu_ref(x, &plain, x.count)
        var worst = 0.0
        for (x, (y, p)) in zip(x, zip(y, plain)) {
          worst = max(worst, Double(abs(y - p)) / Double(max(1, abs(x))))
        }
        #expect(worst <= 4e-7, "\(worst) at \(level)")
      }
    }

    @Test func rotation() {
      forEachSize { half, random, note in
        let angles = random.floats(half)
        let cosines = angles.map { cos($0) }
        let sines = angles.map { sin($0) }
        for inverse: Int32 in [0, 1] {
          let x = random.floats(3 * 2 * half)
          var (fast, plain) = (x, x)
          unsafe ctk_rotary(&fast, cosines, sines, 3, half, inverse)
          unsafe ctk_rotary_ref(&plain, cosines, sines, 3, half, inverse)
          let turned = Self.turned(exact(x), cosines, sines, isInverse: inverse == 1)
          expectClose(fast, turned, note)
          expectClose(plain, turned, note)
          // Rotating back gives x·(cos² + sin²), which isn't exactly 1 for float32 cosines and
          // sines.
          unsafe ctk_rotary(&fast, cosines, sines, 3, half, 1 - inverse)
          expectClose(fast, Self.turned(turned, cosines, sines, isInverse: inverse == 0), note)
          let back = Self.turned(
            Self.turned(exact(x), cosines, sines, isInverse: false), cosines, sines,
            isInverse: true)
          for (x, y) in zip(x, back) {
            // A cosine and a sine that are each off by one unit in the last place (a relative error
            // of 2u) change cos² + sin² by at most γ₄; 10⁻¹⁴ covers float64 rounding.
            #expect(
              abs(Double(x) - y.value) <= Rounding.gamma(4) * Double(abs(x)) + 1e-14, note)
          }
        }
      }
    }

    /// Returns heads of 2·`half` values with pairs (i, i + half) rotated by an angle, or back.
    private static func turned(
      _ x: [Bounded], _ cosines: [Float], _ sines: [Float], isInverse: Bool
    ) -> [Bounded] {
      let half = cosines.count
      return x.indices.map { place in
        let (i, first) = (place % half, place / (2 * half) * 2 * half)
        let (a, b) = (x[first + i], x[first + half + i])
        let (cosine, sine) = (Bounded(cosines[i]), Bounded(isInverse ? -sines[i] : sines[i]))
        return place - first < half ? a * cosine - b * sine : b * cosine + a * sine
      }
    }

    /// Returns 1 / (1 + e⁻ˣ).
    private static func sigmoid(_ x: Bounded) -> Bounded {
      Bounded(1) / (Bounded(1) + (-x).exponential)
    }

    @Test func gatedActivation() {
      forEachSize { n, random, note in
        let gate = random.floats(n, scale: 8)
        let up = random.floats(n)
        let dh = random.floats(n)
        var (h, plainH) = (gate, gate)
        unsafe ctk_swiglu(gate, up, &h, n)
        unsafe ctk_swiglu_ref(gate, up, &plainH, n)
        let shares = gate.map { Self.sigmoid(Bounded($0)) }
        let product = zip(zip(gate, up), shares).map { Bounded($0.0) * $1 * Bounded($0.1) }
        expectClose(h, product, note)
        expectClose(plainH, product, note)
        var (dGate, dUp, plainDGate, plainDUp) = (gate, gate, gate, gate)
        unsafe ctk_swiglu_backward(dh, gate, up, &dGate, &dUp, n)
        unsafe ctk_swiglu_backward_ref(dh, gate, up, &plainDGate, &plainDUp, n)
        let one = Bounded(1)
        let upSlopes = zip(zip(gate, dh), shares).map { Bounded($0.1) * Bounded($0.0) * $1 }
        let gateSlopes = (0..<n).map { i -> Bounded in
          let (g, share) = (Bounded(gate[i]), shares[i])
          return Bounded(dh[i]) * Bounded(up[i]) * share * (one + g * (one - share))
        }
        for (found, expected) in [
          (dUp, upSlopes), (plainDUp, upSlopes), (dGate, gateSlopes), (plainDGate, gateSlopes),
        ] { expectClose(found, expected, note) }
      }
      let gate: [Float] = [-200, -88, 88, 200]
      var h: [Float] = [0, 0, 0, 0]
      unsafe ctk_swiglu(gate, [1, 1, 1, 1], &h, 4)
      #expect(abs(h[0]) < 1e-35 && abs(h[1]) < 1e-35 && h[2] == 88 && h[3] == 200)
    }

    @Test func dotProducts() {
      forEachSize { k, random, note in
        let w = random.floats(k)
        let x = random.floats(5 * (k + 1))
        for accumulate: Int32 in [0, 1] {
          var y = random.floats(5 * 2)
          var plain = y
          var expected = exact(y)
          for j in 0..<5 {
            let product = Bounded.dot(exact(w), exact(x[j * (k + 1)..<j * (k + 1) + k]))
            expected[2 * j] = accumulate == 1 ? expected[2 * j] + product : product
          }
          unsafe ctk_dot_rows(w, x, k + 1, 5, k, &y, 2, accumulate)
          unsafe ctk_dot_rows_ref(w, x, k + 1, 5, k, &plain, 2, accumulate)
          expectClose(y, expected, note)
          expectClose(plain, expected, note)
        }
      }
    }

    @Test func everyHalfFloat() {
      atEveryLevel { level in
        let patterns = (0...UInt16.max).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        let count = 1 << 16
        // 65,535 values too, so that the last vector is partial.
        for n in [count, count - 1] {
          var (f16, plainF16) = ([Float](repeating: 0, count: n), [Float](repeating: 0, count: n))
          unsafe ctk_widen_f16(patterns, &f16, n)
          unsafe ctk_widen_f16_ref(patterns, &plainF16, n)
          #expect(f16.map(\.bitPattern) == plainF16.map(\.bitPattern), "\(level)")
          var (bf16, plainBF16) = (f16, f16)
          unsafe ctk_widen_bf16(patterns, &bf16, n)
          unsafe ctk_widen_bf16_ref(patterns, &plainBF16, n)
          #expect(bf16.map(\.bitPattern) == plainBF16.map(\.bitPattern), "\(level)")
          #if arch(arm64) || arch(x86_64)
            let wrong = (0..<n).first { i in
              let value = Float(Float16(bitPattern: UInt16(i)))
              return value.isNaN ? !f16[i].isNaN : value != f16[i]
            }
            #expect(wrong == nil, "pattern \(String(describing: wrong)), \(level)")
          #endif
        }
      }
    }
  }
}
