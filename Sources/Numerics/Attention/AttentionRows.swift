import Foundation

/// Attention probabilities by definition, in float64: one query's row at a time, for diagnoses. The kernels
/// that compute models never hold such rows.
package struct AttentionRows: Sendable {
  /// Queries [length, heads·headDim], after rotary embedding if the model has one.
  let q: Tensor
  /// Keys [prefix + length, kvHeads·headDim], those of the prefix first.
  let k: Tensor
  /// The heads, the prefix's rows and the text's.
  let shape: AttentionShape

  /// - Parameter shape: one sequence; the prefix has no queries.
  package init(q: Tensor, k: Tensor, shape: AttentionShape) {
    precondition(shape.sequences == 1 && !shape.queriesFromPrefix, "\(shape)")
    precondition(q.rows == shape.length && q.columns == shape.heads * shape.headDim, "\(q.shape)")
    precondition(k.rows == shape.keyRows && k.columns == shape.kvHeads * shape.headDim)
    self.q = q
    self.k = k
    self.shape = shape
  }

  /// Tokens of the text.
  package var length: Int { shape.length }
  /// Query heads.
  package var heads: Int { shape.heads }

  /// The row of one query in one head.
  package struct Row: Sendable {
    /// Probabilities of the text's keys 0 … query, renormalised: the prefix's keys are left out, and these sum
    /// to 1.
    package let text: [Double]
    /// The share of the whole softmax that the prefix's keys have; 0 without a prefix.
    package let prefixShare: Double
  }

  /// The attention of token `query` of the text in head `head`: softmax(q·kᵀ/√headDim) over the prefix and the
  /// tokens up to itself.
  package func row(query: Int, head: Int) -> Row {
    precondition(query >= 0 && query < shape.length && head >= 0 && head < shape.heads)
    let scores = scores(query: query, head: head)
    let text = scores[shape.prefix...]
    let highest = text.max() ?? 0
    let weights = text.map { exp($0 - highest) }
    let sum = weights.reduce(0, +)
    var share = 0.0
    if shape.prefix > 0 {
      let prefix = scores[..<shape.prefix]
      let top = prefix.max() ?? 0
      let mass = prefix.reduce(0) { $0 + exp($1 - top) }
      // The ratio of the two sums, from their logarithms: either may be far below the other.
      share = 1 / (1 + exp(highest + log(sum) - top - log(mass)))
    }
    return Row(text: weights.map { $0 / sum }, prefixShare: share)
  }

  /// Scores of the prefix's keys, then of the text's up to the query.
  private func scores(query: Int, head: Int) -> [Double] {
    let dim = shape.headDim
    let scale = 1 / Double(dim).squareRoot()
    let width = shape.kvHeads * dim
    let first = (query * shape.heads + head) * dim
    let column = head / shape.group * dim
    return q.withSpan { queries in
      k.withSpan { keys in
        var scores: [Double] = []
        scores.reserveCapacity(shape.prefix + query + 1)
        for row in 0...(shape.prefix + query) {
          let start = row * width + column
          var sum = 0.0
          for i in 0..<dim { sum += Double(queries[first + i]) * Double(keys[start + i]) }
          scores.append(sum * scale)
        }
        return scores
      }
    }
  }
}

/// Cosine similarity, Σ a·b / (‖a‖·‖b‖), in float64.
package enum CosineSimilarity {
  /// The similarity of two vectors of the same length, −1 … 1; 1 if both are zero, 0 if one is.
  package static func of(_ a: [Double], _ b: [Double]) -> Double {
    precondition(a.count == b.count, "vectors of \(a.count) and \(b.count)")
    var (dot, aa, bb) = (0.0, 0.0, 0.0)
    for i in a.indices {
      dot += a[i] * b[i]
      aa += a[i] * a[i]
      bb += b[i] * b[i]
    }
    return quotient(dot, aa, bb)
  }

  /// The mean similarity of the rows of two tensors of the same shape [m, d], m ≥ 1.
  package static func meanOfRows(_ a: Tensor, _ b: Tensor) -> Double {
    precondition(a.rows == b.rows && a.columns == b.columns && a.rows > 0)
    let columns = a.columns
    let total = a.withSpan { a in
      b.withSpan { b in
        var total = 0.0
        for start in stride(from: 0, to: a.count, by: columns) {
          var (dot, aa, bb) = (0.0, 0.0, 0.0)
          for i in start..<start + columns {
            let (x, y) = (Double(a[i]), Double(b[i]))
            dot += x * y
            aa += x * x
            bb += y * y
          }
          total += quotient(dot, aa, bb)
        }
        return total
      }
    }
    return total / Double(a.rows)
  }

  private static func quotient(_ dot: Double, _ aa: Double, _ bb: Double) -> Double {
    if aa == 0 || bb == 0 { return aa == bb ? 1 : 0 }
    return max(-1, min(1, dot / (aa.squareRoot() * bb.squareRoot())))
  }
}
