import CKernels
import Foundation
import Numerics
import Testing

extension NumericsTests {
  @Suite struct AttentionSharesTests {
    struct Case: CustomTestStringConvertible, Sendable {
      var heads, kvHeads, headDim: Int
      /// Of the prefixes.
      var lengths: [Int]
      var length: Int
      var testDescription: String {
        "\(heads)/\(kvHeads) heads of \(headDim), \(lengths) before \(length)"
      }
      var prefixKeys: Int { lengths.reduce(0, +) }
      /// Which prefix each key belongs to.
      var owners: [Int] {
        lengths.enumerated().flatMap { [Int](repeating: $0.offset, count: $0.element) }
      }
    }

    static let cases = [
      Case(heads: 1, kvHeads: 1, headDim: 1, lengths: [1], length: 1),
      Case(heads: 3, kvHeads: 1, headDim: 5, lengths: [3, 3], length: 7),
      Case(heads: 6, kvHeads: 2, headDim: 16, lengths: [33, 33, 33, 33], length: 17),
      // Prompts across, inside and beyond the tiles of 256 keys.
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

    /// The definition, in double: all prefixes and the causal past in one softmax.
    private func plain(
      _ c: Case, _ q: [Double], _ keys: [Double], _ prefixKeys: [Double]
    ) -> [Double] {
      let attention = PlainAttention(
        shape: AttentionShape(
          heads: c.heads, kvHeads: c.kvHeads, headDim: c.headDim, prefix: c.prefixKeys,
          sequences: 1, length: c.length, queriesFromPrefix: false))
      var sums = [Double](repeating: 0, count: c.lengths.count)
      for head in 0..<c.heads {
        for row in 0..<c.length {
          let p = attention.probabilities(q, prefixKeys + keys, head: head, row: row)
          for (key, owner) in c.owners.enumerated() { sums[owner] += p[key] }
        }
      }
      return sums.map { $0 / Double(c.heads * c.length) }
    }

    @Test(arguments: cases) func matchThePlainForm(c: Case) {
      atEveryLevel { level in
        var random = RandomValues()
        let q = random.tensor([c.length, c.heads * c.headDim])
        let keys = random.tensor([c.length, c.kvHeads * c.headDim])
        let prefixKeys = random.tensor([c.prefixKeys, c.kvHeads * c.headDim])
        let fast = shares(c, q, keys, prefixKeys)
        let expected = plain(
          c, q.values.map { Double($0) }, keys.values.map { Double($0) },
          prefixKeys.values.map { Double($0) })
        for (a, b) in zip(fast, expected) {
          #expect(abs(a - b) <= 1e-6 + 1e-5 * b, "\(a), expected \(b), \(level), \(random.note)")
        }
        // With one key of its own and one of the prefix, the first token gives each something.
        #expect(fast.allSatisfy { $0 > 0 } && fast.reduce(0, +) < 1)
      }
    }

    /// A prefix whose keys point where the queries do takes the attention, whatever its place.
    @Test func theAttendedPrefixWins() {
      let c = Case(heads: 4, kvHeads: 2, headDim: 8, lengths: [5, 8, 3], length: 40)
      for favourite in 0..<3 {
        var random = RandomValues()
        let keys = random.tensor([c.length, 16], scale: 0.1)
        let q = Tensor([c.length, 32])
        q.fill(1)
        let values = c.owners.flatMap { owner in
          [Float](repeating: owner == favourite ? 2 : 0, count: 16)
        }
        let found = shares(c, q, keys, Tensor([c.prefixKeys, 16], values))
        #expect(found[favourite] > 0.9, "\(found)")
        #expect(found.indices.allSatisfy { $0 == favourite || found[$0] < 0.05 }, "\(found)")
      }
    }

    @Test func theKernelMatchesItsTwin() {
      atEveryLevel { level in
        for rows in oddSizes {
          for parts in [1, 2, 9] {
            var random = RandomValues()
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
            for (a, b) in zip(fast, plain) {
              #expect(abs(a - b) <= 1e-5 * Double(rows), "\(rows) rows, \(level), \(random.note)")
            }
            #expect(abs(plain.reduce(0, +) - 0.5 * Double(parts) - Double(rows)) < 1e-9)
          }
        }
      }
    }

    @Test func threadsDoNotChangeABit() {
      let c = Case(heads: 6, kvHeads: 3, headDim: 16, lengths: [30, 30, 30, 30], length: 450)
      var random = RandomValues()
      let q = random.tensor([c.length, c.heads * c.headDim])
      let keys = random.tensor([c.length, c.kvHeads * c.headDim])
      let prefixKeys = random.tensor([c.prefixKeys, c.kvHeads * c.headDim])
      expectSameForAllThreadCounts(random.note) {
        shares(c, q, keys, prefixKeys).flatMap { value -> [Float] in
          // All 64 bits, in two halves that are compared bit by bit.
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
