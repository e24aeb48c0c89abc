import CKernels
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// Numbers that are NaN, infinite, or beyond a format: they stay so, or are reported.
  @Suite struct NotFinite {
    /// Quiet and signalling NaNs of both signs, with and without low bits.
    static let patterns: [UInt32] = [
      0x7FC0_0000, 0xFFC0_0000, 0x7FC0_0001, 0x7FFF_FFFF, 0xFFFF_FFFF, 0x7F80_0001, 0xFF80_0100,
    ]

    @Test(arguments: patterns)
    func exponentialsOfNaNAreNaN(_ pattern: UInt32) {
      forEachSize { n, random, note in
        var x = random.floats(n)
        let place = random.below(n)
        x[place] = Float(bitPattern: pattern)
        var y = x
        unsafe ctk_exp(x, &y, n)
        for i in 0..<n { #expect(y[i].isNaN == (i == place), "\(i), \(note)") }
      }
    }

    /// The norm of a row doesn't depend on its scale. Squares of these are beyond float32, so they
    /// are summed in float64; results differ by roundings of single numbers.
    @Test func normsOfLargeRowsAreThoseOfSmallOnes() {
      forEachSize { n, random, note in
        let (x, gain, bias) = (random.floats(n), random.floats(n), random.floats(n))
        let large = x.map { $0 * 0x1p90 }
        var (y, plain) = (x, x)
        var (mean, inverse, other, third): (Float, Float, Float, Float) = (0, 0, 0, 0)
        unsafe ctk_rms_norm(large, gain, 1e-5, &y, &inverse, n)
        unsafe ctk_rms_norm_ref(x, gain, 0, &plain, &other, n)
        for i in 0..<n {
          #expect(abs(y[i] - plain[i]) <= 0x1p-20 * abs(plain[i]), "\(i), \(note)")
        }
        #expect(abs(inverse * 0x1p90 / other - 1) <= 0x1p-20, note)
        guard n > 1 else { return }
        unsafe ctk_layer_norm(large, gain, bias, 1e-5, &y, &mean, &inverse, n)
        unsafe ctk_layer_norm_ref(x, gain, bias, 0, &plain, &third, &other, n)
        for i in 0..<n {
          let size = abs(plain[i]) + abs(bias[i])
          #expect(abs(y[i] - plain[i]) <= 0x1p-18 * size, "\(i), \(note)")
        }
      }
    }

    @Test func theFirstNonFiniteNumberIsFound() {
      for count in [1, 5, 1023, 1024, 3000] {
        var random = TestRandom("\(count)")
        var values = random.floats(count)
        #expect(values.firstNonFinite == nil)
        values[0] = .greatestFiniteMagnitude
        #expect(values.firstNonFinite == nil)
        let place = random.below(count)
        values[place] = [.infinity, -.infinity, .nan][random.below(3)]
        values[count - 1] = .nan
        #expect(values.firstNonFinite == place, "\(random.note)")
        #expect(Tensor([count], values).firstNonFinite == place, "\(random.note)")
      }
      #expect([Float]().firstNonFinite == nil)
    }

    private func cache(_ format: AttentionCache.Format) -> AttentionCache {
      AttentionCache(capacity: 300, kvHeads: 2, headDim: 5, format: format)
    }

    /// 65519 is rounded to float16's largest number, 65504; 65520 is infinite in it.
    @Test func aFloat16CacheReportsWhatItCannotHold() {
      var random = TestRandom()
      let (k, v) = (random.tensor([200, 10]), random.tensor([200, 10]))
      let cache = cache(.float16)
      #expect(cache.append(keys: k.rows(0..<3), values: v.rows(0..<3)) == nil)
      (v[0, 0], v[3, 4]) = (65519, -65519)
      #expect(cache.append(keys: k.rows(0..<80), values: v.rows(0..<80)) == nil)
      (v[70, 7], v[150, 1]) = (-65520, .infinity)
      // The later half of 83 + 200 rows: row 70 is the first bad one, at row 153.
      let value = cache.append(keys: k, values: v)
      #expect(value?.row == 153 && value?.isKey == false && value?.number == -65520)
      #expect(value?.head == 1 && value?.channel == 2)
      (k[70, 9], v[70, 0]) = (1e9, 1e9)
      cache.truncate(to: 3)
      let key = cache.append(keys: k, values: v)
      #expect(key?.row == 73 && key?.isKey == true && key?.number == 1e9)
      #expect(key?.head == 1 && key?.channel == 4)
      // The other formats hold all of them but the infinity.
      for format in [AttentionCache.Format.float32, .int8] {
        let found = self.cache(format).append(keys: k, values: v)
        #expect(found?.row == 150 && found?.isKey == false && found?.number == .infinity)
      }
    }

    @Test(arguments: AttentionCache.Format.allCases, [Float.nan, .infinity, -.infinity])
    func noCacheHoldsWhatIsNotFinite(_ format: AttentionCache.Format, _ number: Float) {
      var random = TestRandom("\(format) \(number)")
      let (k, v) = (random.tensor([4, 10]), random.tensor([4, 10]))
      k[2, 6] = number
      let found = cache(format).append(keys: k, values: v)
      #expect(found?.row == 2 && found?.isKey == true)
      #expect(found?.head == 1 && found?.channel == 1)
    }

    /// A row of numbers too small for the quotient 127 / largest is stored as zeros.
    @Test func tinyNumbersAreZerosInInt8() {
      let (k, v) = (Tensor([1, 10]), Tensor([1, 10]))
      (k[0], v[1]) = (Float.leastNonzeroMagnitude, -Float.leastNormalMagnitude)
      let cache = cache(.int8)
      #expect(cache.append(keys: k, values: v) == nil)
      let (q, out) = (Tensor([1, 10]), Tensor([1, 10]))
      q.fill(1)
      AttentionCache.attend(q, over: [cache], heads: 2, into: out)
      #expect(out.values.allSatisfy { $0 == 0 })
    }
  }
}
