import Numerics
import TestSupport

/// The indices of the operands of Σ over x of op(a)[i, x]·op(b)[x, j] in their arrays.
private struct ProductPlaces {
  let m: Int
  let n: Int
  let k: Int
  let transposeA: Bool
  let transposeB: Bool

  func left(_ i: Int, _ x: Int) -> Int { transposeA ? x * m + i : i * k + x }
  func right(_ x: Int, _ j: Int) -> Int { transposeB ? j * k + x : x * n + j }
}

/// Returns op(a)·op(b) [m, n] in float64.
func plainProduct(
  _ a: [Float], _ b: [Float], m: Int, n: Int, k: Int, transposeA: Bool = false,
  transposeB: Bool = false
) -> [Double] {
  let at = ProductPlaces(m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB)
  var c = [Double](repeating: 0, count: m * n)
  for i in 0..<m {
    for j in 0..<n {
      for x in 0..<k { c[i * n + j] += Double(a[at.left(i, x)]) * Double(b[at.right(x, j)]) }
    }
  }
  return c
}

/// Returns before + op(a)·op(b) [m, n] with bounds on the errors of float32 sums.
///
/// A term is rounded once as a product and once in each of at most k additions, in any order and in
/// any pieces, so the error of a value is at most γ₍ₖ₊₁₎·Σ|a·b|. One more rounding is for a factor
/// of the result (alpha). `before` takes part in one addition per piece, and no kernel cuts k into
/// pieces shorter than 128.
func boundedProduct(
  _ a: [Bounded], _ b: [Float], m: Int, n: Int, k: Int, transposeA: Bool = false,
  transposeB: Bool = false, onto before: [Bounded]? = nil
) -> [Bounded] {
  let at = ProductPlaces(m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB)
  let gamma = Rounding.gamma(k + 2)
  var result: [Bounded] = []
  result.reserveCapacity(m * n)
  for i in 0..<m {
    for j in 0..<n {
      var (value, error, size) = (0.0, 0.0, 0.0)
      for x in 0..<k {
        let (left, right) = (a[at.left(i, x)], Double(b[at.right(x, j)]))
        value += left.value * right
        error += left.error * abs(right)
        size += abs(left.value * right)
      }
      let own = gamma * (size + error) + Double(k) * Rounding.smallest
      var sum = Bounded(value, error: error + own)
      if let start = before?[i * n + j].rounded(k / 128 + 2) {
        sum = Bounded(sum.value + start.value, error: sum.error + start.error)
      }
      result.append(sum)
    }
  }
  return result
}

/// Returns before + op(a)·op(b) [m, n] for exact inputs, with bounds on the errors of float32 sums.
func boundedProduct(
  _ a: [Float], _ b: [Float], m: Int, n: Int, k: Int, transposeA: Bool = false,
  transposeB: Bool = false, onto before: [Bounded]? = nil
) -> [Bounded] {
  boundedProduct(
    exact(a), b, m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB, onto: before)
}
