import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// Attention rows in float64, against the definition with an explicit mask.
  @Suite struct AttentionRowsTests {
    @Test(arguments: [0, 3]) func rowsAreTheDefinitionWithoutThePrefix(_ prefix: Int) {
      var random = TestRandom()
      let shape = AttentionShape(
        heads: 4, kvHeads: 2, headDim: 6, prefix: prefix, sequences: 1, length: 5,
        queriesFromPrefix: false)
      func draw(_ rows: Int, _ columns: Int) -> Tensor {
        Tensor([rows, columns], (0..<rows * columns).map { _ in Float(random.normal()) })
      }
      let (q, k) = (draw(5, 24), draw(prefix + 5, 12))
      let rows = AttentionRows(q: q, k: k, shape: shape)
      let plain = PlainAttention(shape: shape)
      let (queries, keys) = (q.values.map { Double($0) }, k.values.map { Double($0) })
      // Both sides sum at most n products and exponentials in float64; a rounded score s changes its exponential by
      // the factor 1 + |s|·u, and |s| is at most √6 · max |q| · max |k|.
      let largest: Double = 2.45 * Self.largest(queries) * Self.largest(keys)
      let bound: Double = 8 * Rounding.gamma(32, Rounding.float64) * (1 + largest)
      for head in 0..<4 {
        for query in 0..<5 {
          let p = plain.probabilities(queries, keys, head: head, row: query)
          let own = p[prefix...(prefix + query)]
          let sum = own.reduce(0, +)
          let row = rows.row(query: query, head: head)
          #expect(row.text.count == query + 1, "\(random.note)")
          for (found, wanted) in zip(row.text, own) {
            #expect(abs(found - wanted / sum) <= bound, "\(head), \(query): \(random.note)")
          }
          #expect(abs(row.prefixShare - (1 - sum)) <= bound, "\(head), \(query): \(random.note)")
          #expect(prefix > 0 || row.prefixShare == 0)
        }
      }
    }

    private static func largest(_ values: [Double]) -> Double {
      values.reduce(0) { max($0, $1.magnitude) }
    }

    /// A prefix that takes all attention leaves rows that still sum to 1.
    @Test func aPrefixFarAboveTheTextLeavesItsRows() {
      let shape = AttentionShape(
        heads: 1, kvHeads: 1, headDim: 4, prefix: 1, sequences: 1, length: 2,
        queriesFromPrefix: false)
      let q = Tensor([2, 4], [Float](repeating: 40, count: 8))
      let k = Tensor([3, 4], (0..<12).map { $0 < 4 ? 40 : -40 })
      let row = AttentionRows(q: q, k: k, shape: shape).row(query: 1, head: 0)
      #expect(row.text == [0.5, 0.5] && row.prefixShare == 1)
      let other = Tensor([3, 4], k.values.map { -$0 })
      let above = AttentionRows(q: q, k: other, shape: shape).row(query: 1, head: 0)
      #expect(above.text == [0.5, 0.5] && above.prefixShare == 0)
    }

    @Test func similarityIsTheCosine() {
      #expect(CosineSimilarity.of([3, 4], [4, 3]) == 24.0 / 25)
      #expect(CosineSimilarity.of([1, 2], [-2, 1]) == 0)
      #expect(CosineSimilarity.of([3, 4], [-6, -8]) == -1)
      #expect(CosineSimilarity.of([0, 0], [0, 0]) == 1)
      #expect(CosineSimilarity.of([0, 0], [0, 1]) == 0)
      let a = Tensor([2, 2], [3, 4, 1, 0])
      let b = Tensor([2, 2], [4, 3, 5, 0])
      let mean: Double = (24.0 / 25 + 1) / 2
      #expect(CosineSimilarity.meanOfRows(a, b) == mean)
    }
  }
}
