import Foundation
import Numerics
import Testing

/// Attention with the mask spelled out, in double.
struct PlainAttention {
  let shape: AttentionShape

  /// Whether query row `i` (among the queries) sees key row `j`.
  func sees(_ i: Int, _ j: Int) -> Bool {
    let row = shape.queriesFromPrefix ? i : i + shape.prefix
    if row < shape.prefix { return j <= row }
    if j < shape.prefix { return true }
    let sameSequence = (row - shape.prefix) / shape.length == (j - shape.prefix) / shape.length
    return sameSequence && j <= row
  }

  func probabilities(_ q: [Double], _ k: [Double], head: Int, row: Int) -> [Double] {
    let dim = shape.headDim
    let kvHead = head / (shape.heads / shape.kvHeads)
    let scores = (0..<shape.keyRows).map { j -> Double in
      guard sees(row, j) else { return -.infinity }
      return (0..<dim).reduce(0.0) {
        $0 + q[(row * shape.heads + head) * dim + $1] * k[(j * shape.kvHeads + kvHead) * dim + $1]
      } / Double(dim).squareRoot()
    }
    let top = scores.max() ?? 0
    let weights = scores.map { exp($0 - top) }
    let total = weights.reduce(0, +)
    return weights.map { $0 / total }
  }

  func forward(_ q: [Double], _ k: [Double], _ v: [Double]) -> [Double] {
    let dim = shape.headDim
    var out = [Double](repeating: 0, count: q.count)
    for head in 0..<shape.heads {
      let kvHead = head / (shape.heads / shape.kvHeads)
      for row in 0..<shape.queryRows {
        let p = probabilities(q, k, head: head, row: row)
        for j in 0..<shape.keyRows where p[j] > 0 {
          for d in 0..<dim {
            out[(row * shape.heads + head) * dim + d] +=
              p[j] * v[(j * shape.kvHeads + kvHead) * dim + d]
          }
        }
      }
    }
    return out
  }

  func backward(
    _ dOut: [Double], _ q: [Double], _ k: [Double], _ v: [Double]
  ) -> (dq: [Double], dk: [Double], dv: [Double]) {
    let dim = shape.headDim
    let scale = 1 / Double(dim).squareRoot()
    var dq = [Double](repeating: 0, count: q.count)
    var dk = [Double](repeating: 0, count: k.count)
    var dv = dk
    for head in 0..<shape.heads {
      let kvHead = head / (shape.heads / shape.kvHeads)
      for row in 0..<shape.queryRows {
        let p = probabilities(q, k, head: head, row: row)
        let query = (row * shape.heads + head) * dim
        let dp = (0..<shape.keyRows).map { j in
          (0..<dim).reduce(0.0) {
            $0 + dOut[query + $1] * v[(j * shape.kvHeads + kvHead) * dim + $1]
          }
        }
        let mean = zip(p, dp).reduce(0.0) { $0 + $1.0 * $1.1 }
        for j in 0..<shape.keyRows where p[j] > 0 {
          let key = (j * shape.kvHeads + kvHead) * dim
          let ds = p[j] * (dp[j] - mean) * scale
          for d in 0..<dim {
            dq[query + d] += ds * k[key + d]
            dk[key + d] += ds * q[query + d]
            dv[key + d] += p[j] * dOut[query + d]
          }
        }
      }
    }
    return (dq, dk, dv)
  }
}

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
        var random = RandomValues()
        q = random.tensor([shape.queryRows, shape.heads * shape.headDim])
        k = random.tensor([shape.keyRows, shape.kvHeads * shape.headDim])
        v = random.tensor([shape.keyRows, shape.kvHeads * shape.headDim])
        dOut = random.tensor([shape.queryRows, shape.heads * shape.headDim])
        note = "\(shape), \(random.note)"
      }
    }

    @Test(arguments: shapes) func matchesThePlainForm(shape: AttentionShape) {
      atEveryLevel { _ in
        let i = Inputs(shape)
        let out = Tensor(i.q.shape)
        let logSumExp = Tensor([shape.queryRows, shape.heads])
        Attention.forward(q: i.q, k: i.k, v: i.v, shape: shape, into: out, logSumExp: logSumExp)
        let plain = PlainAttention(shape: shape)
        let (q, k, v) = (doubles(i.q), doubles(i.k), doubles(i.v))
        expectClose(out.values, plain.forward(q, k, v), absolute: 1e-5, i.note)

        let (dq, dk, dv) = (Tensor(i.q.shape), Tensor(i.k.shape), Tensor(i.v.shape))
        // What was in the outputs before must not matter.
        for tensor in [dq, dk, dv] { tensor.fill(.nan) }
        Attention.backward(
          dOut: i.dOut, q: i.q, k: i.k, v: i.v, out: out, logSumExp: logSumExp, shape: shape,
          dq: dq, dk: dk, dv: dv)
        let expected = plain.backward(doubles(i.dOut), q, k, v)
        expectClose(dq.values, expected.dq, absolute: 3e-5, i.note)
        expectClose(dk.values, expected.dk, absolute: 1e-4, i.note)
        expectClose(dv.values, expected.dv, absolute: 1e-4, i.note)
      }
    }

    /// The plain gradient itself, against differences of the plain forward pass.
    @Test func plainGradientIsTheDerivative() {
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
          #expect(abs(difference - expected[at]) < 1e-7, "input \(which), value \(at), \(i.note)")
        }
      }
    }

    /// A cached prefix gives the rows that a whole pass gives.
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
