import Foundation
import Numerics

/// Attention and its gradient by definition, in float64 with an explicit mask.
struct PlainAttention {
  let shape: AttentionShape

  /// Whether query row `i` sees key row `j`.
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
