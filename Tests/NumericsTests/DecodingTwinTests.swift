import CKernels
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// The kernels of decode products and of attention over a cache against their plain twins.
  @Suite struct DecodingTwins {
    @Test(arguments: [1, 17, 64, 200, 1000], [1, 2, 4])
    func roundedInputsMatchTheTwins(columns: Int, rows: Int) {
      atEveryLevel { level in
        for group in [4, 32, 64, 128] {
          roundedInputsMatchTheTwins(columns, rows, group: group, level)
        }
      }
    }

    private func roundedInputsMatchTheTwins(
      _ columns: Int, _ rows: Int, group: Int, _ level: KernelLevel
    ) {
      var random = TestRandom("\(columns) \(rows) \(group) \(level)")
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
      let note: Comment = "\(columns) columns, groups of \(group), \(level), \(random.note)"
      #expect(fast == plain, note)
      #expect(scales == plainScales, note)
      var expected = [BoundedSum](repeating: BoundedSum(), count: rows * groups)
      for j in 0..<rows {
        for c in 0..<columns {
          let place = (j * runs + c / 64) * 128 + c % 64
          let value = Float(256 * Int(fast[place]) + Int(fast[place + 64]))
          let scale = scales[j * runs + c / 64]
          expected[j * groups + c / group].add(Bounded(value), Bounded(scale))
          // Half a step of rounding, and 3u·32639 = 0.006 steps for two divisions and a product.
          let error = abs(Double(value) * Double(scale) - Double(x[j * columns + c]))
          #expect(error <= 0.507 * Double(scale), note)
        }
      }
      expectClose(sums, expected.map { $0.total() }, note)
      expectClose(plainSums, expected.map { $0.total() }, note)
    }

    @Test(arguments: [AttentionCache.Format.float32, .float16, .int8])
    func cachedAttentionMatchesAttention(_ format: AttentionCache.Format) {
      for (kvHeads, group, dim, count) in [
        (1, 1, 8, 1), (2, 3, 64, 37), (3, 1, 20, 300), (1, 5, 128, 530),
      ] {
        var random = TestRandom("\(format) \(kvHeads) \(group) \(dim) \(count)")
        let width = kvHeads * dim
        let (k, v) = (random.tensor([count, width]), random.tensor([count, width]))
        let cache = AttentionCache(
          capacity: count + 3, kvHeads: kvHeads, headDim: dim, format: format)
        for half in [0..<count / 2, count / 2..<count] {
          #expect(cache.append(keys: k.rows(half), values: v.rows(half)) == nil)
        }
        #expect(cache.count == count)
        let q = random.tensor([1, kvHeads * group * dim])
        let out = Tensor([1, kvHeads * group * dim])
        AttentionCache.attend(q, over: [cache], heads: kvHeads * group, into: out)
        let shape = AttentionShape(
          heads: kvHeads * group, kvHeads: kvHeads, headDim: dim, prefix: count - 1, sequences: 1,
          length: 1, queriesFromPrefix: false)
        let expected = BoundedAttention(
          shape, .float32, q: exact(q.values), k: Self.cached(k.values, dim, format.kernel),
          v: Self.cached(v.values, dim, format.kernel)
        ).forward()
        expectClose(
          out.values, expected,
          "\(format), \(kvHeads) × \(group), \(dim), \(count), \(random.note)")
      }
    }

    /// The values that a cache stores, in heads of `dim` values: unchanged, the nearest float16, or
    /// 8-bit multiples of 1/127 of the head's largest magnitude. The product of a code and its
    /// scale is rounded once.
    private static func cached(
      _ values: [Float], _ dim: Int, _ format: ctk_cache_format
    ) -> [Bounded] {
      if format == ctk_cache_f32 { return exact(values) }
      if format == ctk_cache_f16 { return exact(values.map { Float(Float16($0)) }) }
      return stride(from: 0, to: values.count, by: dim).flatMap { start -> [Bounded] in
        let head = values[start..<start + dim]
        let top = head.reduce(0) { max($0, abs($1)) }
        return head.map { value in
          let code = (value * (127 / top)).rounded(.toNearestOrEven)
          return Bounded(Double(code) * Double(top / 127)).rounded()
        }
      }
    }

    @Test func scoresAndSumsMatchTheTwins() {
      for format in [ctk_cache_f32, ctk_cache_f16, ctk_cache_i8] {
        for (heads, dim, count) in [(1, 8, 1), (3, 64, 33), (5, 20, 16), (9, 130, 50)] {
          var random = TestRandom("\(format.rawValue) \(heads) \(dim) \(count)")
          let bytes = [4, 2, 1][Int(format.rawValue)]
          var rows = [UInt8](repeating: 0, count: count * dim * bytes)
          var scales = [Float](repeating: 0, count: count)
          var kept: [Bounded] = []
          for t in 0..<count {
            let values = random.floats(dim)
            kept += Self.cached(values, dim, format)
            unsafe rows.withUnsafeMutableBytes { buffer in
              let held = unsafe ctk_store_cached(
                Int32(format.rawValue), values, dim, buffer.baseAddress! + t * dim * bytes,
                &scales[t])
              #expect(held == dim)
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
          let (note, keys): (Comment, [[Bounded]]) = (
            "format \(format.rawValue), \(heads), \(dim), \(count), \(random.note)",
            (0..<count).map { Array(kept[$0 * dim..<($0 + 1) * dim]) }
          )
          let scores = (0..<heads * count).map { place in
            Bounded.dot(
              exact(q[place / count * dim..<(place / count + 1) * dim]), keys[place % count])
          }
          expectClose(fast, scores, note)
          expectClose(plain, scores, note)
          let sums = (0..<heads * dim).map { place in
            let shares = plain[place / dim * count..<(place / dim + 1) * count]
            return Bounded.dot(exact(shares), keys.map { $0[place % dim] })
          }
          expectClose(sum, sums, note)
          expectClose(plainSum, sums, note)
        }
      }
    }
  }
}

extension AttentionCache.Format {
  fileprivate var kernel: ctk_cache_format {
    switch self {
    case .float32: ctk_cache_f32
    case .float16: ctk_cache_f16
    case .int8: ctk_cache_i8
    }
  }
}
