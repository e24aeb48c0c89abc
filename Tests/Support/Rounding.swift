/// Unit roundoffs of the number formats and the error of repeated rounding, from which tests derive
/// their bounds.
///
/// A format whose significand has p bits (including the leading one) rounds to nearest with a
/// relative error of at most u = 2⁻ᵖ, except for subnormal results.
package enum Rounding {
  /// The unit roundoff of bfloat16, which has eight bits of significand, seven of them stored.
  package static let bfloat16 = 0x1p-8
  package static let float16 = 0x1p-11
  package static let float32 = 0x1p-24
  package static let float64 = 0x1p-53

  /// The absolute error of a result too small to be a normal float32 or bfloat16, which kernels may
  /// flush to zero.
  package static let smallest = 0x1p-126

  /// γₙ = n·u / (1 − n·u): the relative error of a product of n factors 1 + δ with |δ| ≤ u (Higham,
  /// Accuracy and Stability of Numerical Algorithms, lemma 3.1).
  package static func gamma(_ n: Int, _ unit: Double = float32) -> Double {
    let sum = Double(n) * unit
    precondition(sum < 1, "\(n) roundings of \(unit) have no bound")
    return sum / (1 - sum)
  }

  /// The nearest bfloat16, ties to even.
  package static func toBFloat16(_ x: Float) -> Float {
    let bits = x.bitPattern
    return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
  }
}
