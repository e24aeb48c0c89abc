import Numerics
import TestSupport
import Testing

extension NumericsTests {
  @Suite struct AttentionTests {
    static let shapes: [AttentionShape] = [
      AttentionShape(heads: 1, kvHeads: 1, headDim: 1, prefix: 0, sequences: 1, length: 1),
      AttentionShape(heads: 3, kvHeads: 1, headDim: 5, prefix: 0, sequences: 2, length: 7),
      AttentionShape(heads: 6, kvHeads: 2, headDim: 16, prefix: 3, sequences: 3, length: 17),
      AttentionShape(heads: 2, kvHeads: 2, headDim: 7, prefix: 130, sequences: 2, length: 131),
      AttentionShape(heads: 2, kvHeads: 1, headDim: 4, prefix: 0, sequences: 1, length: 600),
      AttentionShape(heads: 2, kvHeads: 1, headDim: 4, prefix: 520, sequences: 1, length: 5),
      AttentionShape(heads: 4, kvHeads: 2, headDim: 8, prefix: 9, sequences: 0, length: 0),
      AttentionShape(
        heads: 4, kvHeads: 2, headDim: 8, prefix: 33, sequences: 1, length: 1,
        queriesFromPrefix: false),
      AttentionShape(
        heads: 2, kvHeads: 2, headDim: 3, prefix: 5, sequences: 3, length: 31,
        queriesFromPrefix: false),
    ]

    struct Inputs {
      let q, k, v, dOut: Tensor
      let note: Comment

      init(_ shape: AttentionShape) {
        var random = TestRandom("\(shape)")
        q = random.tensor([shape.queryRows, shape.heads * shape.headDim])
        k = random.tensor([shape.keyRows, shape.kvHeads * shape.headDim])
        v = random.tensor([shape.keyRows, shape.kvHeads * shape.headDim])
        dOut = random.tensor([shape.queryRows, shape.heads * shape.headDim])
        note = "\(shape), \(random.note)"
      }
    }

    @Test(arguments: shapes) func matchesTheDefinition(shape: AttentionShape) {
      Self.check(shape, .float32)
    }

    /// Checks outputs and gradients at every level against their bounds. Levels without bfloat16 products
    /// compute in float32 instead.
    static func check(_ shape: AttentionShape, _ arithmetic: Arithmetic) {
      let i = Inputs(shape)
      func reference(_ arithmetic: Arithmetic) -> (
        out: [Bounded], gradients: (dq: [Bounded], dk: [Bounded], dv: [Bounded])
      ) {
        let bounded = BoundedAttention(
          shape, arithmetic, q: i.q.values, k: i.k.values, v: i.v.values)
        let out = bounded.forward()
        return (out, bounded.backward(i.dOut.values, out: out))
      }
      let asked = reference(arithmetic)
      let plain = arithmetic == .float32 ? asked : reference(.float32)
      atEveryLevel { level in
        let (expected, gradients) = arithmetic.isAvailable ? asked : plain
        let note: Comment = "\(level), \(i.note)"
        let (out, logSumExp) = (Tensor(i.q.shape), Tensor([shape.queryRows, shape.heads]))
        Attention.forward(
          q: i.q, k: i.k, v: i.v, shape: shape, into: out, logSumExp: logSumExp,
          arithmetic: arithmetic)
        expectClose(out.values, expected, "output, \(note)")
        let (dq, dk, dv) = (Tensor(i.q.shape), Tensor(i.k.shape), Tensor(i.v.shape))
        // The previous content of the outputs must not matter.
        for tensor in [dq, dk, dv] { tensor.fill(.nan) }
        Attention.backward(
          dOut: i.dOut, q: i.q, k: i.k, v: i.v, out: out, logSumExp: logSumExp, shape: shape,
          dq: dq, dk: dk, dv: dv, arithmetic: arithmetic)
        expectClose(dq.values, gradients.dq, "dq, \(note)")
        expectClose(dk.values, gradients.dk, "dk, \(note)")
        expectClose(dv.values, gradients.dv, "dv, \(note)")
      }
    }

    /// The bounded reference has the values of the plain one.
    @Test(arguments: shapes) func boundedReferenceMatchesThePlainOne(shape: AttentionShape) {
      let i = Inputs(shape)
      let bounded = BoundedAttention(shape, .float32, q: i.q.values, k: i.k.values, v: i.v.values)
      let plain = PlainAttention(shape: shape)
      let (q, k, v) = (doubles(i.q), doubles(i.k), doubles(i.v))
      let out = bounded.forward()
      let found = bounded.backward(i.dOut.values, out: out)
      let expected = plain.backward(doubles(i.dOut), q, k, v)
      // The two sum float64 values in different orders: at most some 10⁶ values of magnitude 1 or
      // so.
      for (a, b) in [
        (out, plain.forward(q, k, v)), (found.dq, expected.dq), (found.dk, expected.dk),
        (found.dv, expected.dv),
      ] {
        #expect(zip(a, b).allSatisfy { abs($0.value - $1) <= 1e-9 * (1 + abs($1)) }, "\(i.note)")
      }
    }

    /// The plain gradient equals the finite differences of the plain forward pass. Third
    /// derivatives times 10⁻¹⁰, and rounding of 2⁻⁵³/10⁻⁵, are far below the bound.
    @Test func plainGradientMatchesFiniteDifferences() {
      let shape = AttentionShape(
        heads: 2, kvHeads: 1, headDim: 3, prefix: 2, sequences: 2, length: 3)
      let i = Inputs(shape)
      let plain = PlainAttention(shape: shape)
      let inputs = [doubles(i.q), doubles(i.k), doubles(i.v)]
      let dOut = doubles(i.dOut)
      let gradient = plain.backward(dOut, inputs[0], inputs[1], inputs[2])
      for (which, expected) in [gradient.dq, gradient.dk, gradient.dv].enumerated() {
        for at in inputs[which].indices {
          func value(_ step: Double) -> Double {
            var moved = inputs
            moved[which][at] += step
            return zip(plain.forward(moved[0], moved[1], moved[2]), dOut).reduce(0) {
              $0 + $1.0 * $1.1
            }
          }
          let difference = (value(1e-5) - value(-1e-5)) / 2e-5
          #expect(abs(difference - expected[at]) < 1e-6, "input \(which), value \(at), \(i.note)")
        }
      }
    }

    /// Attention over a cached prefix gives the rows of a whole pass.
    @Test func cachedPrefixGivesTheSameRows() {
      let whole = AttentionShape(
        heads: 2, kvHeads: 1, headDim: 8, prefix: 40, sequences: 2, length: 21)
      var cached = whole
      cached.queriesFromPrefix = false
      let i = Inputs(whole)
      let out = Tensor(i.q.shape)
      Attention.forward(q: i.q, k: i.k, v: i.v, shape: whole, into: out)
      let rows = 40..<82
      let again = Tensor([42, 16])
      Attention.forward(q: i.q.rows(rows), k: i.k, v: i.v, shape: cached, into: again)
      #expect(again.values == out.rows(rows).values, i.note)
    }

    @Test func threadsDoNotChangeABit() {
      let shape = AttentionShape(
        heads: 6, kvHeads: 3, headDim: 16, prefix: 30, sequences: 3, length: 150)
      let i = Inputs(shape)
      expectSameForAllThreadCounts(i.note) {
        let out = Tensor(i.q.shape)
        let logSumExp = Tensor([shape.queryRows, shape.heads])
        Attention.forward(q: i.q, k: i.k, v: i.v, shape: shape, into: out, logSumExp: logSumExp)
        let (dq, dk, dv) = (Tensor(i.q.shape), Tensor(i.k.shape), Tensor(i.v.shape))
        Attention.backward(
          dOut: i.dOut, q: i.q, k: i.k, v: i.v, out: out, logSumExp: logSumExp, shape: shape,
          dq: dq, dk: dk, dv: dv)
        return out.values + logSumExp.values + dq.values + dk.values + dv.values
      }
    }

    private func doubles(_ tensor: Tensor) -> [Double] { tensor.values.map { Double($0) } }
  }
}
