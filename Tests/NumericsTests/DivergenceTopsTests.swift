import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// The divergences of an evaluation against their definition in float64.
  ///
  /// Hidden rows and heads are multiples of 1/8 between −1 and 1, times a power of two, so that all
  /// logits are exact in float32 in any order of summation. Equal logits are common then, so ties
  /// are tested too.
  @Suite struct DivergenceTops {
    private static func eighths(_ shape: [Int], times factor: Float, _ random: inout TestRandom)
      -> Tensor
    {
      Tensor(
        shape, (0..<shape.reduce(1, *)).map { _ in Float(random.below(17) - 8) / 8 * factor })
    }

    private static func logits(_ x: Tensor, _ head: Tensor) -> [[Double]] {
      (0..<x.rows).map { row in
        (0..<head.rows).map { token in
          (0..<x.columns).reduce(0) {
            $0 + Double(x[row * x.columns + $1]) * Double(head[token * x.columns + $1])
          }
        }
      }
    }

    private static func logSum(_ logits: [Double]) -> Double {
      let top = logits.max() ?? 0
      return top + log(logits.reduce(0) { $0 + exp($1 - top) })
    }

    private static func first(_ logits: [Double]) -> Int? {
      logits.max().flatMap { logits.firstIndex(of: $0) }
    }

    @Test(arguments: [Float(1), 256]) func matchesTheDefinition(_ factor: Float) {
      for (m, v, d, e) in [(1, 9, 5, 5), (20, 600, 33, 40), (310, 1100, 24, 16)] {
        var random = TestRandom("\(factor) \(m)×\(v)")
        let x = Self.eighths([m, d], times: factor, &random)
        let t = Self.eighths([m, e], times: factor, &random)
        let (w, u) = (
          Self.eighths([v, d], times: 1, &random), Self.eighths([v, e], times: 1, &random)
        )
        let found = Divergence.compare(
          student: x, head: .dense(w), teacher: t, teacherHead: .dense(u))
        #expect(found.count == m)
        var same = 0
        for (row, (y, z)) in zip(Self.logits(x, w), Self.logits(t, u)).enumerated() {
          let (own, other) = (Self.logSum(y), Self.logSum(z))
          let kl = zip(y, z).reduce(0.0) { sum, pair in
            let r = pair.1 - other
            return sum + exp(r) * (r - (pair.0 - own))
          }
          // Sums of v terms, each rounded a few times (with the correction of each tile), of at most
          // the largest difference of logits; twice, here and there.
          let largest = (y + z).reduce(0) { max($0, abs($1)) } + log(Double(v))
          let bound = 2 * Rounding.gamma(3 * v + 60, Rounding.float64) * 4 * (1 + largest)
          let isSame = Self.first(y) == Self.first(z)
          same += isSame ? 1 : 0
          #expect(
            abs(found[row].kl - kl) <= bound && found[row].sameTop == isSame,
            "row \(row) of \(m) × \(v): \(found[row]), expected \(kl), \(isSame), \(random.note)")
        }
        #expect(m < 300 || same < m, "no row has different tops, so the test shows little")
      }
    }

    @Test func nothingDivergesFromItself() {
      var random = TestRandom()
      let x = random.tensor([40, 30])
      let w = Weight.dense(random.tensor([700, 30]))
      let found = Divergence.compare(student: x, head: w, teacher: x, teacherHead: w)
      #expect(found.allSatisfy { $0.kl == 0 && $0.sameTop }, "\(random.note)")
    }

    /// Moving a row by a small step gives a divergence far below float32's resolution of the logits'
    /// sums: half the variance of the change under the teacher, to first order.
    @Test func smallDivergencesAreNotLostInRounding() {
      let x = Tensor([1, 2], [1, 0])
      let moved = Tensor([1, 2], [1, 0x1p-12])
      let w = Tensor([3, 2], [0, 1, 0.5, -1, 1, 0.5])
      let found = Divergence.compare(
        student: moved, head: .dense(w), teacher: x, teacherHead: .dense(w))
      let p = [0, 0.5, 1].map { exp($0) }
      let total = p.reduce(0, +)
      let changes = [1, -1, 0.5].map { $0 * 0x1p-12 }
      let mean = zip(p, changes).reduce(0) { $0 + $1.0 * $1.1 } / total
      let variance = zip(p, changes).reduce(0) { $0 + $1.0 * ($1.1 - mean) * ($1.1 - mean) } / total
      // The logits are exact; the third-order term is less than 2⁻¹² of the second.
      #expect(abs(found[0].kl / (variance / 2) - 1) < 0x1p-11)
    }

    @Test func aLogitThatIsNotFiniteGivesNoNumber() {
      let w = Weight.dense(Tensor([2, 1], [1, 2]))
      let found = Divergence.compare(
        student: Tensor([1, 1], [3e38]), head: w, teacher: Tensor([1, 1], [1]), teacherHead: w)
      #expect(!found[0].kl.isFinite)
    }

    @Test func threadsDoNotChangeABit() {
      var random = TestRandom()
      let (x, t) = (random.tensor([330, 30]), random.tensor([330, 20]))
      let (w, u) = (
        Weight.dense(random.tensor([900, 30])), Weight.dense(random.tensor([900, 20]))
      )
      expectSameForAllThreadCounts("\(random.note)") {
        Divergence.compare(student: x, head: w, teacher: t, teacherHead: u).flatMap {
          // A float64 as two exact float32 parts.
          [Float($0.kl), Float($0.kl - Double(Float($0.kl))), $0.sameTop ? 1 : 0]
        }
      }
    }
  }
}
