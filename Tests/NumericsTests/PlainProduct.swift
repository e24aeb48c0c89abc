import Numerics
import TestSupport

/// Σ over x of a(i, x)·b(x, j), the places of a factor's values in its array.
private struct ProductPlaces {
  let m: Int
  let n: Int
  let k: Int
  let transposeA: Bool
  let transposeB: Bool

  func left(_ i: Int, _ x: Int) -> Int { transposeA ? x * m + i : i * k + x }
  func right(_ x: Int, _ j: Int) -> Int { transposeB ? j * k + x : x * n + j }
}

/// op(a)·op(b) [m, n] in float64.
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

/// before + op(a)·op(b) [m, n] with sums in float32.
///
/// A term is rounded once as a product, and once for each of the at most k additions that it goes
/// through, in whatever order and however cut into pieces: γ₍ₖ₊₁₎·Σ|a·b| for each value. One more
/// leaves room for a factor of the whole (alpha). What was there before takes part in one addition
/// per piece, and no kernel cuts k into pieces shorter than 128.
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

/// before + op(a)·op(b) [m, n] of exact inputs with sums in float32.
func boundedProduct(
  _ a: [Float], _ b: [Float], m: Int, n: Int, k: Int, transposeA: Bool = false,
  transposeB: Bool = false, onto before: [Bounded]? = nil
) -> [Bounded] {
  boundedProduct(
    exact(a), b, m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB, onto: before)
}
