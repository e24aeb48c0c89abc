import Numerics
import TestSupport
import Testing

extension NumericsTests {
  /// Bounds admit rounding but detect small mistakes: results computed from slightly wrong inputs
  /// are out of their bounds.
  @Suite struct BoundPower {
    /// Returns `values` with one of them, or all, multiplied by `factor`.
    private func off(_ values: [Float], at place: Int? = nil, by factor: Float = 1.01) -> [Float] {
      values.indices.map { place == nil || $0 == place ? values[$0] * factor : values[$0] }
    }

    private func isClose(_ computed: [Float], _ expected: [Bounded]) -> Bool {
      zip(computed, expected).allSatisfy { abs(Double($0) - $1.value) <= $1.error }
    }

    /// The index of the value with the largest magnitude, which affects the results.
    private func largest(_ values: [Float]) -> Int {
      values.indices.max { abs(values[$0]) < abs(values[$1]) } ?? 0
    }

    @Test(arguments: Arithmetic.allCases) func oneWrongWeightOfAProduct(_ arithmetic: Arithmetic) {
      guard arithmetic.isAvailable else { return }
      var random = TestRandom("\(arithmetic)")
      let (x, w) = (random.tensor([20, 130]), random.tensor([97, 130]))
      let expected = boundedProduct(
        BoundedHead.inputs(x.values, arithmetic), BoundedHead.inputs(w.values, arithmetic), m: 20,
        n: 97, k: 130, transposeB: true)
      let y = Tensor([20, 97])
      Weight.dense(w).apply(x, into: y, arithmetic: arithmetic)
      #expect(isClose(y.values, expected), "\(random.note)")
      let wrong = Weight.dense(Tensor([97, 130], off(w.values, at: largest(w.values))))
      wrong.apply(x, into: y, arithmetic: arithmetic)
      #expect(!isClose(y.values, expected), "\(random.note)")
    }

    /// One of 256 codes that is off by one.
    @Test func oneWrongCodeOfFewRows() throws {
      var random = TestRandom()
      var plain = PlainPacking(
        rows: 18, columns: 256, bits: 8, groupSize: 64, withZeros: true, masked: false, &random)
      let x = random.tensor([4, 256])
      let row = 5 * 4 + largest((0..<4).map { plain.scales[5 * 4 + $0] })
      for arithmetic in Arithmetic.allCases {
        let expected = DecodeProductTests.expected(x, .packed(try plain.packed()), arithmetic)
        let y = Tensor([4, 18])
        DecodeProducts.multiply(x, [(.packed(try plain.packed()), y)], arithmetic: arithmetic)
        #expect(isClose(y.values, expected), "\(arithmetic), \(random.note)")
        let first = 5 * 256 + row % 4 * 64
        let place = first + largest((0..<64).map { x[first % 256 + $0] })
        plain.codes[place] ^= 1
        DecodeProducts.multiply(x, [(.packed(try plain.packed()), y)], arithmetic: arithmetic)
        #expect(!isClose(y.values, expected), "\(arithmetic), \(random.note)")
        plain.codes[place] ^= 1
      }
    }

    @Test(arguments: Arithmetic.allCases) func queriesOfAttention(_ arithmetic: Arithmetic) {
      guard arithmetic.isAvailable else { return }
      let shape = AttentionTests.shapes[2]
      let i = AttentionTests.Inputs(shape)
      let bounded = BoundedAttention(
        shape, arithmetic, q: i.q.values, k: i.k.values, v: i.v.values)
      let expected = bounded.forward()
      let gradients = bounded.backward(i.dOut.values, out: expected)
      // An error of 1 % in float32; bfloat16 itself rounds by 0.4 %.
      let factor: Float = arithmetic == .float32 ? 1.01 : 1.05
      let q = Tensor(i.q.shape, off(i.q.values, by: factor))
      let (out, logSumExp) = (Tensor(q.shape), Tensor([shape.queryRows, shape.heads]))
      Attention.forward(
        q: q, k: i.k, v: i.v, shape: shape, into: out, logSumExp: logSumExp,
        arithmetic: arithmetic)
      #expect(!isClose(out.values, expected), "\(i.note)")
      let (dq, dk, dv) = (Tensor(q.shape), Tensor(i.k.shape), Tensor(i.v.shape))
      Attention.backward(
        dOut: i.dOut, q: q, k: i.k, v: i.v, out: out, logSumExp: logSumExp, shape: shape, dq: dq,
        dk: dk, dv: dv, arithmetic: arithmetic)
      #expect(!isClose(dk.values, gradients.dk), "\(i.note)")
      #expect(!isClose(dv.values, gradients.dv), "\(i.note)")
    }

    @Test(arguments: Arithmetic.allCases) func headsOfLosses(_ arithmetic: Arithmetic) {
      guard arithmetic.isAvailable else { return }
      var random = TestRandom("\(arithmetic)")
      let (m, v, d) = (20, 600, 33)
      let (x, t) = (random.tensor([m, d], scale: 0.3), random.tensor([m, d], scale: 0.3))
      let (w, other) = (random.tensor([v, d]), Weight.dense(random.tensor([v, d])))
      let targets = (0..<m).map { _ in Int32(random.below(v)) }
      let entropies = CrossEntropyTests.expected(x, .dense(w), targets, scale: 1, arithmetic)
      let divergences = Divergences.expected(x, .dense(w), t, other, scale: 1, arithmetic)
      let wrong = Weight.dense(Tensor([v, d], off(w.values)))
      let dx = Tensor([m, d])
      let losses = CrossEntropy.gradient(
        hidden: x, head: wrong, targets: targets, scale: 1, into: dx, arithmetic: arithmetic)
      #expect(!isClose(losses, entropies.losses), "\(random.note)")
      #expect(!isClose(dx.values, entropies.gradient), "\(random.note)")
      let values = Divergence.run(
        student: x, head: wrong, teacher: t, teacherHead: other, into: dx, arithmetic: arithmetic)
      #expect(!isClose(values, divergences.values), "\(random.note)")
      #expect(!isClose(dx.values, divergences.gradient), "\(random.note)")
    }
  }
}
