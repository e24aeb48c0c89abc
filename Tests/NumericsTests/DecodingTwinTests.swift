import CKernels
import Numerics
import Testing

extension NumericsTests {
  /// The kernels of one-token products and of attention over a cache against their plain twins.
  @Suite struct DecodingTwins {
    @Test(arguments: [1, 17, 64, 200, 1000], [1, 2, 4])
    func inputsAreRoundedAlike(columns: Int, rows: Int) {
      atEveryLevel { level in
        for group in [4, 32, 64, 128] {
          inputsAreRoundedAlike(columns, rows, group: group, level)
        }
      }
    }

    private func inputsAreRoundedAlike(
      _ columns: Int, _ rows: Int, group: Int, _ level: KernelLevel
    ) {
      var random = RandomValues()
      var x = random.floats(rows * columns)
      x[0] = 300
      if columns > 64 { for i in 64..<min(128, columns) { x[i] = 0 } }
      let (runs, groups) = ((columns + 63) / 64, (columns + group - 1) / group)
      var (fast, plain) = (
        [Int8](repeating: 1, count: rows * runs * 128),
        [Int8](repeating: 2, count: rows * runs * 128)
      )
      var (scales, plainScales) = (
        [Float](repeating: 1, count: rows * runs), [Float](repeating: 2, count: rows * runs)
      )
      var (sums, plainSums) = (
        [Float](repeating: 1, count: rows * groups), [Float](repeating: 2, count: rows * groups)
      )
      unsafe ctk_decode_round(x, columns, rows, columns, group, &fast, &scales, &sums)
      unsafe ctk_decode_round_ref(
        x, columns, rows, columns, group, &plain, &plainScales, &plainSums)
      #expect(fast == plain, "\(level), \(random.note)")
      #expect(scales == plainScales, "\(level), \(random.note)")
      expectClose(sums, plainSums.map { Double($0) }, absolute: 1e-3, "\(level), \(random.note)")
      // What is rounded is within 2⁻¹⁶ of the largest of its run.
      for j in 0..<rows {
        for c in 0..<columns {
          let place = (j * runs + c / 64) * 128 + c % 64
          let value = Float(256 * Int(fast[place]) + Int(fast[place + 64]))
          let scale = scales[j * runs + c / 64]
          #expect(abs(value * scale - x[j * columns + c]) <= 0.51 * scale)
        }
      }
    }

    @Test(arguments: [AttentionCache.Format.float32, .float16, .int8])
    func attentionOverACacheIsAttention(_ format: AttentionCache.Format) {
      for (kvHeads, group, dim, count) in [
        (1, 1, 8, 1), (2, 3, 64, 37), (3, 1, 20, 300), (1, 5, 128, 530),
      ] {
        var random = RandomValues()
        let width = kvHeads * dim
        let (k, v) = (random.tensor([count, width]), random.tensor([count, width]))
        let cache = AttentionCache(
          capacity: count + 3, kvHeads: kvHeads, headDim: dim, format: format)
        cache.append(keys: k.rows(0..<count / 2), values: v.rows(0..<count / 2))
        cache.append(keys: k.rows(count / 2..<count), values: v.rows(count / 2..<count))
        #expect(cache.count == count)
        let q = random.tensor([1, kvHeads * group * dim])
        let out = Tensor([1, kvHeads * group * dim])
        AttentionCache.attend(q, over: [cache], heads: kvHeads * group, into: out)
        let expected = Tensor([1, kvHeads * group * dim])
        let shape = AttentionShape(
          heads: kvHeads * group, kvHeads: kvHeads, headDim: dim, prefix: count - 1, sequences: 1,
          length: 1, queriesFromPrefix: false)
        Attention.forward(q: q, k: k, v: v, shape: shape, into: expected)
        let tolerance =
          switch format {
          case .float32: 1e-5
          case .float16: 2e-3
          case .int8: 3e-2
          }
        expectClose(
          out.values, expected.values.map { Double($0) }, absolute: tolerance,
          "\(format), \(kvHeads) × \(group), \(dim), \(count), \(random.note)")
      }
    }

    @Test func scoresAndSumsAreTheTwins() {
      for format in [ctk_cache_f32, ctk_cache_f16, ctk_cache_i8] {
        for (heads, dim, count) in [(1, 8, 1), (3, 64, 33), (5, 20, 16), (9, 130, 50)] {
          var random = RandomValues()
          let bytes = [4, 2, 1][Int(format.rawValue)]
          var rows = [UInt8](repeating: 0, count: count * dim * bytes)
          var scales = [Float](repeating: 0, count: count)
          for t in 0..<count {
            let values = random.floats(dim)
            unsafe rows.withUnsafeMutableBytes { buffer in
              unsafe ctk_store_cached(
                Int32(format.rawValue), values, dim, buffer.baseAddress! + t * dim * bytes,
                &scales[t])
            }
          }
          let q = random.floats(heads * dim)
          var (fast, plain) = (
            [Float](repeating: 0, count: heads * count), [Float](repeating: 0, count: heads * count)
          )
          var (sum, plainSum) = (
            [Float](repeating: 0, count: heads * dim), [Float](repeating: 0, count: heads * dim)
          )
          unsafe rows.withUnsafeBytes { buffer in
            unsafe scales.withUnsafeBufferPointer { scales in
              var view = unsafe ctk_cached_rows(
                format: Int32(format.rawValue), rows: buffer.baseAddress,
                scales: scales.baseAddress, stride: dim, scale_stride: 1)
              unsafe ctk_cached_scores(&view, count, q, heads, dim, &fast, count)
              unsafe ctk_cached_scores_ref(&view, count, q, heads, dim, &plain, count)
              unsafe ctk_cached_sum(&view, count, plain, count, heads, dim, &sum)
              unsafe ctk_cached_sum_ref(&view, count, plain, count, heads, dim, &plainSum)
            }
          }
          expectClose(fast, plain.map { Double($0) }, absolute: 1e-4, random.note)
          expectClose(sum, plainSum.map { Double($0) }, absolute: 1e-3, random.note)
        }
      }
    }
  }
}
