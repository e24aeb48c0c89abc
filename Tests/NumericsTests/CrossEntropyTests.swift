import Foundation
import Numerics
import Testing

extension NumericsTests {
  @Suite struct CrossEntropyTests {
    /// The loss and its gradient from all logits at once, in double.
    private func plain(
      _ x: [Float], _ w: [Float], _ targets: [Int32], d: Int, scale: Double
    ) -> (losses: [Double], gradient: [Double]) {
      let vocabulary = w.count / d
      var losses = [Double](repeating: 0, count: targets.count)
      var gradient = [Double](repeating: 0, count: x.count)
      for (i, target) in targets.enumerated() where target >= 0 {
        let logits = (0..<vocabulary).map { v in
          (0..<d).reduce(0.0) { $0 + Double(x[i * d + $1]) * Double(w[v * d + $1]) }
        }
        let top = logits.max() ?? 0
        let logSum = top + log(logits.reduce(0) { $0 + exp($1 - top) })
        losses[i] = logSum - logits[Int(target)]
        for v in 0..<vocabulary {
          let slope = exp(logits[v] - logSum) - (v == Int(target) ? 1 : 0)
          for c in 0..<d { gradient[i * d + c] += scale * slope * Double(w[v * d + c]) }
        }
      }
      return (losses, gradient)
    }

    /// Vocabularies smaller than the number of parts, and of several tiles per part.
    @Test(arguments: [(1, 1, 1), (5, 3, 7), (33, 17, 100), (20, 12, 7001), (3, 65, 900)])
    func matchesThePlainForm(m: Int, d: Int, vocabulary: Int) {
      atEveryLevel { level in
        var random = RandomValues()
        let x = random.tensor([m, d], scale: 2)
        let w = random.tensor([vocabulary, d])
        let targets = (0..<m).map { i in i % 3 == 1 ? -1 : Int32(random.below(vocabulary)) }
        let note: Comment = "\(m), \(d), \(vocabulary), \(level), \(random.note)"
        let expected = plain(x.values, w.values, targets, d: d, scale: 0.125)
        let losses = CrossEntropy.loss(hidden: x, head: .dense(w), targets: targets)
        expectClose(losses, expected.losses, absolute: 2e-5, note)
        let dx = random.tensor([m, d])
        let again = CrossEntropy.gradient(
          hidden: x, head: .dense(w), targets: targets, scale: 0.125, into: dx)
        expectClose(again, expected.losses, absolute: 2e-5, note)
        expectClose(dx.values, expected.gradient, absolute: 1e-5, note)
      }
    }

    /// More rows than are treated at a time.
    @Test func manyRows() {
      var random = RandomValues()
      let x = random.tensor([2100, 4])
      let w = random.tensor([11, 4])
      let targets = (0..<2100).map { _ in Int32(random.below(12) - 1) }
      let expected = plain(x.values, w.values, targets, d: 4, scale: 1)
      let dx = Tensor([2100, 4])
      let losses = CrossEntropy.gradient(
        hidden: x, head: .dense(w), targets: targets, scale: 1, into: dx)
      expectClose(losses, expected.losses, absolute: 2e-5, random.note)
      expectClose(dx.values, expected.gradient, absolute: 2e-6, random.note)
    }

    @Test func packedHeadMeansItsDenseForm() throws {
      var random = RandomValues()
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
      #expect(a == b && dx.values == expected.values, random.note)
    }

    @Test func nothingScored() {
      let dx = Tensor([2, 3])
      dx.fill(7)
      let losses = CrossEntropy.gradient(
        hidden: Tensor([2, 3]), head: .dense(Tensor([4, 3])), targets: [-1, -1], scale: 1, into: dx)
      #expect(losses == [0, 0] && dx.values == [0, 0, 0, 0, 0, 0])
    }

    @Test func threadsDoNotChangeABit() {
      var random = RandomValues()
      let x = random.tensor([50, 24])
      let w = random.tensor([3000, 24])
      let targets = (0..<50).map { _ in Int32(random.below(3000)) }
      expectSameForAllThreadCounts(random.note) {
        let dx = Tensor([50, 24])
        let losses = CrossEntropy.gradient(
          hidden: x, head: .dense(w), targets: targets, scale: 1, into: dx)
        return losses + dx.values
      }
    }
  }
}
