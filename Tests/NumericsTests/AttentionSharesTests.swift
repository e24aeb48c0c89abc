import CKernels
import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  @Suite struct AttentionSharesTests {
    struct Case: CustomTestStringConvertible, Sendable {
      var heads, kvHeads, headDim: Int
      /// The number of keys of each prefix.
      var lengths: [Int]
      var length: Int
      var testDescription: String {
        "\(heads)/\(kvHeads) heads of \(headDim), \(lengths) before \(length)"
      }
      var prefixKeys: Int { lengths.reduce(0, +) }
      /// The index of each key's prefix.
      var owners: [Int] {
        lengths.enumerated().flatMap { [Int](repeating: $0.offset, count: $0.element) }
      }
    }

    static let cases = [
      Case(heads: 1, kvHeads: 1, headDim: 1, lengths: [1], length: 1),
      Case(heads: 3, kvHeads: 1, headDim: 5, lengths: [3, 3], length: 7),
      Case(heads: 6, kvHeads: 2, headDim: 16, lengths: [33, 33, 33, 33], length: 17),
      // Prefixes that cross, fit into and exceed the tiles of 256 keys.
      Case(heads: 2, kvHeads: 2, headDim: 7, lengths: [100, 100, 100, 100, 100], length: 131),
      Case(heads: 2, kvHeads: 1, headDim: 4, lengths: [300, 300, 300], length: 600),
      Case(
        heads: 4, kvHeads: 4, headDim: 8, lengths: [Int](repeating: 2, count: 17), length: 33),
      Case(heads: 4, kvHeads: 2, headDim: 8, lengths: [1, 256, 3, 300, 7], length: 90),
    ]

    private func shares(_ c: Case, _ q: Tensor, _ keys: Tensor, _ prefixKeys: Tensor) -> [Double] {
      Attention.prefixShares(
        q: q, keys: keys, prefixKeys: prefixKeys, lengths: c.lengths, heads: c.heads,
        kvHeads: c.kvHeads, headDim: c.headDim)
    }

    /// The shares by definition: one softmax over all prefixes and the causal past.
    private func expected(_ c: Case, _ q: Tensor, _ keys: Tensor, _ prefixKeys: Tensor) -> [Bounded]
    {
      let shape = AttentionShape(
        heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, prefix: c.prefixKeys,
        sequences: 1, length: c.length, queriesFromPrefix: false)
      let k = prefixKeys.values + keys.values
      return BoundedAttention(shape, .float32, q: q.values, k: k, v: k)
        .prefixShares(c.owners, parts: c.lengths.count)
    }

    @Test(arguments: cases) func matchTheDefinition(c: Case) {
      var random = TestRandom("\(c)")
      let q = random.tensor([c.length, c.heads * c.headDim])
      let keys = random.tensor([c.length, c.kvHeads * c.headDim])
      let prefixKeys = random.tensor([c.prefixKeys, c.kvHeads * c.headDim])
      let expected = expected(c, q, keys, prefixKeys)
      atEveryLevel { level in
        let found = shares(c, q, keys, prefixKeys)
        for (a, b) in zip(found, expected) {
          #expect(
            abs(a - b.value) <= b.error,
            "\(a), expected \(b.value) within \(b.error), \(level), \(random.note)")
        }
        // The first token sees its own key and all prefixes, so every share is above 0 and the sum
        // below 1.
        #expect(found.allSatisfy { $0 > 0 } && found.reduce(0, +) < 1, "\(random.note)")
      }
    }

    /// A prefix whose keys are aligned with the queries gets most of the attention at every
    /// position.
    ///
    /// Its scores are 8·2/√8 = 5.7, those of other prefixes 0, and those of the text's own keys are
    /// sums of eight normal values of standard deviation 0.1, over √8, which never exceed 0.86. So
    /// its keys, three at least, weigh 3·e^5.7 = 857 against at most 13·1 + 40·e^0.86 = 108.
    @Test func theAttendedPrefixWins() {
      let c = Case(heads: 4, kvHeads: 2, headDim: 8, lengths: [5, 8, 3], length: 40)
      for favourite in 0..<3 {
        var random = TestRandom("\(favourite)")
        let keys = random.tensor([c.length, 16], scale: 0.1)
        let q = Tensor([c.length, 32])
        q.fill(1)
        let values = c.owners.flatMap { owner in
          [Float](repeating: owner == favourite ? 2 : 0, count: 16)
        }
        let found = shares(c, q, keys, Tensor([c.prefixKeys, 16], values))
        #expect(found[favourite] > 0.88, "\(found), \(random.note)")
        #expect(
          found.indices.allSatisfy { $0 == favourite || found[$0] < 0.05 },
          "\(found), \(random.note)")
      }
    }

    @Test func theKernelMatchesItsTwin() {
      atEveryLevel { level in
        for rows in oddSizes {
          for parts in [1, 2, 9] {
            var random = TestRandom("\(level) \(rows) \(parts)")
            let highest = random.floats(parts * rows, scale: 20)
            let sum = random.floats(parts * rows).map { 1 + $0 * $0 }
            var (fast, plain) = (
              [Double](repeating: 0.5, count: parts), [Double](repeating: 0.5, count: parts)
            )
            unsafe highest.withUnsafeBufferPointer { highest in
              unsafe sum.withUnsafeBufferPointer { sum in
                var view = unsafe ctk_attention_parts(
                  highest: highest.baseAddress, sum: sum.baseAddress, parts: parts, rows: rows)
                unsafe ctk_attention_shares(&view, &fast)
                unsafe ctk_attention_shares_ref(&view, &plain)
              }
            }
            // 10⁻¹³ covers the float64 rounding of sums of up to 128 numbers below 1.
            for (part, expected) in Self.shares(highest, sum, parts: parts, rows: rows).enumerated()
            {
              for found in [fast[part], plain[part]] {
                #expect(
                  abs(found - 0.5 - expected.value) <= expected.error + 1e-13,
                  "part \(part) of \(parts), \(rows) rows, \(level), \(random.note)")
              }
            }
            // The shares of a row add up to 1 in float64.
            let all = plain.reduce(0, +) - 0.5 * Double(parts)
            #expect(abs(all - Double(rows)) < 1e-9, "\(random.note)")
          }
        }
      }
    }

    /// Σ over rows of sum·e^(highest − top) / total for each part, sixteen rows at a time.
    private static func shares(
      _ highest: [Float], _ sum: [Float], parts: Int, rows: Int
    ) -> [Bounded] {
      var shares = [BoundedSum](repeating: BoundedSum(), count: parts)
      for row in 0..<rows {
        let top = (0..<parts).reduce(-Float.infinity) { max($0, highest[$1 * rows + row]) }
        let weights = (0..<parts).map { part in
          let at = part * rows + row
          return Bounded(sum[at]) * (Bounded(highest[at]) - Bounded(top)).exponential
        }
        let total = Bounded.sum(weights)
        for part in 0..<parts { shares[part].add(weights[part] / total) }
      }
      return shares.map { $0.total(roundings: 16) }
    }

    @Test func threadsDoNotChangeABit() {
      let c = Case(heads: 6, kvHeads: 3, headDim: 16, lengths: [30, 30, 30, 30], length: 450)
      var random = TestRandom()
      let q = random.tensor([c.length, c.heads * c.headDim])
      let keys = random.tensor([c.length, c.kvHeads * c.headDim])
      let prefixKeys = random.tensor([c.prefixKeys, c.kvHeads * c.headDim])
      expectSameForAllThreadCounts("\(random.note)") {
        shares(c, q, keys, prefixKeys).flatMap { value -> [Float] in
          // Both 32-bit halves of each value, because floats are compared bitwise.
          let bits = value.bitPattern
          return [
            Float(bitPattern: UInt32(truncatingIfNeeded: bits)),
            Float(bitPattern: UInt32(truncatingIfNeeded: bits >> 32)),
          ]
        }
      }
    }
  }
}
