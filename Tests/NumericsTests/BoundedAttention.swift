import Numerics
import TestSupport

/// Attention by its definition, with a bound on the error of each value of the tiled kernels in
/// float32 or with bfloat16 products.
///
/// Inputs of bfloat16 products are rounded here like in the kernels, so they add nothing to a
/// bound. Probabilities and their gradients are rounded between products, by 2⁻⁸ of each.
struct BoundedAttention {
  let shape: AttentionShape
  let arithmetic: Arithmetic
  let q: [Bounded]
  let k: [Bounded]
  let v: [Bounded]
  private let plain: PlainAttention
  private let scale: Bounded

  init(_ shape: AttentionShape, _ arithmetic: Arithmetic, q: [Float], k: [Float], v: [Float]) {
    self.init(
      shape, arithmetic, q: Self.inputs(q, arithmetic), k: Self.inputs(k, arithmetic),
      v: Self.inputs(v, arithmetic))
  }

  /// Creates the attention of inputs with errors of their own.
  init(
    _ shape: AttentionShape, _ arithmetic: Arithmetic, q: [Bounded], k: [Bounded], v: [Bounded]
  ) {
    self.shape = shape
    self.arithmetic = arithmetic
    (self.q, self.k, self.v) = (q, k, v)
    plain = PlainAttention(shape: shape)
    // A square root and a division in float32.
    scale = Bounded(1 / Double(shape.headDim).squareRoot()).rounded(2)
  }

  static func inputs(_ values: [Float], _ arithmetic: Arithmetic) -> [Bounded] {
    exact(arithmetic == .bfloat16 ? values.map(Rounding.toBFloat16) : values)
  }

  /// Returns a float32 result as an operand of the next product.
  private func factor(_ x: Bounded) -> Bounded {
    arithmetic == .bfloat16 ? x.rounded(to: Rounding.bfloat16) : x
  }

  private func vector(
    _ all: [Bounded], _ row: Int, _ head: Int, of heads: Int
  ) -> ArraySlice<Bounded> {
    let first = (row * heads + head) * shape.headDim
    return all[first..<first + shape.headDim]
  }

  func query(_ all: [Bounded], _ row: Int, _ head: Int) -> ArraySlice<Bounded> {
    vector(all, row, head, of: shape.heads)
  }

  func key(_ all: [Bounded], _ row: Int, _ head: Int) -> ArraySlice<Bounded> {
    vector(all, row, head / (shape.heads / shape.kvHeads), of: shape.kvHeads)
  }

  /// The keys that one query sees, and the softmax over its scores q·k·scale. Kernels take the
  /// prefix's and the sequence's own keys in blocks of 256.
  func row(_ head: Int, _ row: Int) -> (keys: [Int], softmax: BoundedSoftmax) {
    let keys = (0..<shape.keyRows).filter { plain.sees(row, $0) }
    let scores = keys.map { Bounded.dot(query(q, row, head), key(k, $0, head)) * scale }
    return (keys, BoundedSoftmax(scores, blocks: keys.count / 256 + 2))
  }

  private func forEachRow(_ body: (_ head: Int, _ row: Int, _ place: Int) -> Void) {
    for row in 0..<shape.queryRows {
      for head in 0..<shape.heads { body(head, row, (row * shape.heads + head) * shape.headDim) }
    }
  }

  /// Returns softmax(q·kᵀ/√headDim)·v, [queryRows, heads·headDim].
  func forward() -> [Bounded] {
    var out = [Bounded](repeating: Bounded(0.0), count: q.count)
    forEachRow { head, row, place in
      let (keys, softmax) = self.row(head, row)
      var sums = [BoundedSum](repeating: BoundedSum(), count: shape.headDim)
      for (weight, j) in zip(softmax.weights.map(factor), keys) {
        let first = key(v, j, head).startIndex
        for d in 0..<shape.headDim { sums[d].add(weight, v[first + d]) }
      }
      // Blocks are corrected, added and multiplied by 1 / total, in sequence or separately.
      let blocks = keys.count / 256 + 2
      for d in 0..<shape.headDim {
        out[place + d] = (sums[d].total(more: 4 * blocks) / softmax.total).rounded()
      }
    }
    return out
  }

  /// Returns the gradients with respect to q, k and v, given that of the output and the result of
  /// `forward`.
  func backward(
    _ dOut: [Float], out: [Bounded]
  ) -> (dq: [Bounded], dk: [Bounded], dv: [Bounded]) {
    let slopes = Self.inputs(dOut, arithmetic)
    var (dq, dk) = ([Bounded](repeating: Bounded(0.0), count: q.count), [BoundedSum]())
    dk = [BoundedSum](repeating: BoundedSum(), count: k.count)
    var dv = dk
    forEachRow { head, row, place in
      let (keys, softmax) = self.row(head, row)
      let (query, slope) = (query(q, row, head), query(slopes, row, head))
      let mean = Bounded.dot(slope, out[place..<place + shape.headDim])
      var sums = [BoundedSum](repeating: BoundedSum(), count: shape.headDim)
      for (place, j) in keys.enumerated() {
        let probability = softmax.probability(place)
        let change = Bounded.dot(slope, key(v, j, head)) - mean
        let (p, ds) = (factor(probability), factor(scale * probability * change))
        let first = key(k, j, head).startIndex
        for d in 0..<shape.headDim {
          sums[d].add(ds, k[first + d])
          dk[first + d].add(ds, query[query.startIndex + d])
          dv[first + d].add(p, slope[slope.startIndex + d])
        }
      }
      for d in 0..<shape.headDim { dq[place + d] = sums[d].total(more: 4) }
    }
    // Up to eight parts of the queries are summed separately.
    return (dq, dk.map { $0.total(more: 8) }, dv.map { $0.total(more: 8) })
  }

  /// Returns the share of the attention on each of several runs of keys, which cover the prefix,
  /// averaged over heads and queries. Rows are summed sixteen at a time in float32, tiles in
  /// float64.
  func prefixShares(_ owners: [Int], parts: Int) -> [Bounded] {
    var sums = [BoundedSum](repeating: BoundedSum(), count: parts)
    forEachRow { head, row, _ in
      let (keys, softmax) = self.row(head, row)
      // The parts' separate softmaxes are combined, by one more exponential and product.
      for (weight, j) in zip(softmax.weights, keys) where j < owners.count {
        sums[owners[j]].add((weight / softmax.total).rounded(4))
      }
    }
    return sums.map {
      let sum = $0.total(roundings: 16 + 2 + parts)
      let count = Double(shape.heads * shape.queryRows)
      return Bounded(sum.value / count, error: sum.error / count)
    }
  }
}
