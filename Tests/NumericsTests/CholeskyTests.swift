import Numerics
import TestSupport
import Testing

extension NumericsTests {
  @Suite struct CholeskyTests {
    /// UᵀU·(h·v) equals v for random v.
    ///
    /// U is computed in float64 and rounded once, so UᵀU is off by at most γ₂·|U|ᵀ|U|. The float64
    /// error is k·2⁻⁵³ times the condition number of h, which is below 10⁴ for such random
    /// matrices: 10⁻⁹ is ample.
    @Test(arguments: [1, 2, 3, 17, 65, 191, 192, 193, 400]) func factorsTheInverse(k: Int) throws {
      var random = TestRandom("\(k)")
      let x = random.tensor([2 * k + 3, k])
      let h = Tensor([k, k])
      MatMul.gram(x, into: h, scale: 1 / Float(2 * k + 3), keep: 0)
      let u = try #require(Cholesky.inverseUpperFactor(h))
      for i in 0..<k { for j in 0..<i { #expect(u[i, j] == 0) } }
      let v = random.floats(k).map(Double.init)
      let (plain, sizes) = (u.values.map(Double.init), u.values.map { Double(abs($0)) })
      let image = times(h.values.map(Double.init), v)
      let found = times(plain, times(plain, image), transposed: true)
      let spread = times(sizes, times(sizes, image.map(abs)), transposed: true)
      let whole = times(h.values.map { Double(abs($0)) }, v.map(abs))
      let slack = times(sizes, times(sizes, whole), transposed: true)
      for i in 0..<k {
        let bound = Rounding.gamma(2) * spread[i] + 1e-9 * slack[i]
        #expect(abs(found[i] - v[i]) <= bound, "k \(k), value \(i), \(random.note)")
      }
    }

    /// Returns a·v, or aᵀ·v, for a [k, k].
    private func times(_ a: [Double], _ v: [Double], transposed: Bool = false) -> [Double] {
      let k = v.count
      var result = [Double](repeating: 0, count: k)
      for i in 0..<k {
        for j in 0..<k { result[transposed ? j : i] += a[i * k + j] * v[transposed ? i : j] }
      }
      return result
    }

    /// h = diag(4, 1/9) gives U = diag(1/2, 3), up to the rounding of 1/9 and 3.
    @Test func knownFactor() {
      let u = Cholesky.inverseUpperFactor(Tensor([2, 2], [4, 0, 0, 1 / 9]))
      #expect(u?.values.prefix(3) == [0.5, 0, 0])
      expectClose(u?.values.suffix(1) ?? [], [Bounded(3.0).rounded(2)], "1 / √(1/9)")
    }

    /// An order and a replaced diagonal give bitwise the factor of a permuted copy of h.
    @Test(arguments: [1, 5, 130]) func permutesWithoutACopy(k: Int) throws {
      var random = TestRandom("\(k)")
      let x = random.tensor([2 * k, k])
      let h = Tensor([k, k])
      MatMul.gram(x, into: h, scale: 1, keep: 0)
      let order = (0..<Int32(k)).map { ($0 * 7 + 3) % Int32(k) }
      let diagonal = order.map { h[Int($0), Int($0)] + 0.5 }
      let copy = Tensor([k, k])
      for i in 0..<k { for j in 0..<k { copy[i, j] = h[Int(order[i]), Int(order[j])] } }
      for i in 0..<k { copy[i, i] = diagonal[i] }
      let expected = try #require(Cholesky.inverseUpperFactor(copy))
      let found = Cholesky.inverseUpperFactor(h, order: order, diagonal: diagonal)
      #expect(found?.values == expected.values, "\(random.note)")
      var infinite = diagonal
      infinite[k - 1] = .infinity
      #expect(Cholesky.inverseUpperFactor(h, order: order, diagonal: infinite) == nil)
    }

    @Test func threadsDoNotChangeABit() {
      var random = TestRandom()
      let x = random.tensor([500, 450])
      let h = Tensor([450, 450])
      MatMul.gram(x, into: h, scale: 1, keep: 0)
      expectSameForAllThreadCounts("\(random.note)") {
        Cholesky.inverseUpperFactor(h)?.values ?? [.nan]
      }
    }

    /// A negative pivot in the last block is found.
    @Test func refusesALateBadPivot() {
      let h = Tensor([300, 300])
      for i in 0..<300 { h[i, i] = i == 2 ? -1 : 1 }
      #expect(Cholesky.inverseUpperFactor(h) == nil)
    }

    @Test func refusesMatricesWithoutAFactor() {
      #expect(Cholesky.inverseUpperFactor(Tensor([2, 2], [1, 2, 2, 1])) == nil)
      #expect(Cholesky.inverseUpperFactor(Tensor([2, 2], [1, 0, 0, 0])) == nil)
      #expect(Cholesky.inverseUpperFactor(Tensor([2, 2], [1, .nan, .nan, 1])) == nil)
      #expect(Cholesky.inverseUpperFactor(Tensor([1, 1], [.infinity])) == nil)
      #expect(Cholesky.inverseUpperFactor(Tensor([1, 1], [-1])) == nil)
    }
  }
}
