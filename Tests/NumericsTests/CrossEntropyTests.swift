import Foundation
import Numerics
import TestSupport
import Testing

extension NumericsTests {
  @Suite struct CrossEntropyTests {
    /// Returns losses and gradients by definition, from all logits.
    ///
    /// The target's logit is float32 in both arithmetics.
    static func expected(
      _ x: Tensor, _ w: Weight, _ targets: [Int32], scale: Float, _ arithmetic: Arithmetic
    ) -> (losses: [Bounded], gradient: [Bounded]) {
      let head = BoundedHead(x, w, arithmetic)
      let (means, dense, d) = (head.means(), w.dense().values, head.width)
      var losses = [Bounded](repeating: Bounded(0.0), count: targets.count)
      var gradient = [Bounded](repeating: Bounded(0.0), count: x.count)
      for (i, target) in targets.enumerated() where target >= 0 {
        let row = exact(dense[Int(target) * d..<(Int(target) + 1) * d])
        losses[i] =
          head.softmaxes[i].logSum - .dot(row, exact(x.rows(i..<i + 1).values))
        for c in 0..<d {
          gradient[i * d + c] = Bounded(scale) * means[i * d + c] - Bounded(scale) * row[c]
        }
      }
      return (losses, gradient)
    }

    static func check(
      _ x: Tensor, _ w: Weight, _ targets: [Int32], scale: Float, _ arithmetic: Arithmetic,
      _ note: Comment
    ) {
      let expected = expected(x, w, targets, scale: scale, arithmetic)
      let dx = Tensor(x.shape)
      // The previous content of the output must not matter.
      dx.fill(.nan)
      let losses = CrossEntropy.gradient(
        hidden: x, head: w, targets: targets, scale: scale, into: dx, arithmetic: arithmetic)
      expectClose(losses, expected.losses, "losses, \(note)")
      expectClose(dx.values, expected.gradient, "gradient, \(note)")
      let alone = CrossEntropy.loss(hidden: x, head: w, targets: targets, arithmetic: arithmetic)
      expectClose(alone, expected.losses, "losses alone, \(note)")
      for row in targets.indices where targets[row] < 0 {
        #expect(losses[row] == 0 && dx.rows(row..<row + 1).values.allSatisfy { $0 == 0 }, note)
      }
    }

    /// Vocabularies smaller than the number of parts, and of several tiles per part.
    @Test(arguments: [(1, 1, 1), (5, 3, 7), (33, 17, 100), (20, 12, 7001), (3, 65, 900)])
    func matchesTheDefinition(m: Int, d: Int, vocabulary: Int) {
      atEveryLevel { level in
        var random = TestRandom("\(m) \(d) \(vocabulary) \(level)")
        let x = random.tensor([m, d], scale: 2)
        let w = random.tensor([vocabulary, d])
        let targets = (0..<m).map { i in i % 3 == 1 ? -1 : Int32(random.below(vocabulary)) }
        Self.check(
          x, .dense(w), targets, scale: 0.125, .float32,
          "\(m), \(d), \(vocabulary), \(level), \("\(random.note)")")
      }
    }

    /// More rows than one softmax takes.
    @Test func manyRows() {
      var random = TestRandom()
      let x = random.tensor([2100, 4])
      let w = random.tensor([11, 4])
      let targets = (0..<2100).map { _ in Int32(random.below(12) - 1) }
      Self.check(x, .dense(w), targets, scale: 1, .float32, "\(random.note)")
    }

    @Test func packedHeadMatchesItsDenseForm() throws {
      var random = TestRandom()
      let plain = PlainPacking(
        rows: 1000, columns: 33, bits: 3, groupSize: 16, withZeros: true, masked: true, &random)
      let packed = Weight.packed(try plain.packed())
      let x = random.tensor([10, 33])
      let targets = (0..<10).map { _ in Int32(random.below(1000)) }
      let (dx, expected) = (Tensor([10, 33]), Tensor([10, 33]))
      let a = CrossEntropy.gradient(
        hidden: x, head: packed, targets: targets, scale: 1, into: dx)
      let b = CrossEntropy.gradient(
        hidden: x, head: .dense(packed.dense()), targets: targets, scale: 1, into: expected)
      #expect(a == b && dx.values == expected.values, "\(random.note)")
    }

    @Test func noTargets() {
      let dx = Tensor([2, 3])
      dx.fill(7)
      let losses = CrossEntropy.gradient(
        hidden: Tensor([2, 3]), head: .dense(Tensor([4, 3])), targets: [-1, -1], scale: 1, into: dx)
      #expect(losses == [0, 0] && dx.values == [0, 0, 0, 0, 0, 0])
    }

    @Test func threadsDoNotChangeABit() {
      var random = TestRandom()
      let x = random.tensor([50, 24])
      let w = random.tensor([3000, 24])
      let targets = (0..<50).map { _ in Int32(random.below(3000)) }
      expectSameForAllThreadCounts("\(random.note)") {
        let dx = Tensor([50, 24])
        let losses = CrossEntropy.gradient(
          hidden: x, head: .dense(w), targets: targets, scale: 1, into: dx)
        return losses + dx.values
      }
    }
  }
}
