/// Unit roundoffs u of the number formats, and how they add up: what bounds in tests are made of.
///
/// A format whose significand has p bits (the leading one included) rounds to nearest with a
/// relative error of at most u = 2⁻ᵖ, but for values below its normal numbers.
package enum Rounding {
  /// Eight bits of significand, seven of them stored.
  package static let bfloat16 = 0x1p-8
  package static let float16 = 0x1p-11
  package static let float32 = 0x1p-24
  package static let float64 = 0x1p-53

  /// What rounding may be off where a result is too small to be a normal float32 (or bfloat16):
  /// kernels may flush it to zero.
  package static let smallest = 0x1p-126

  /// γₙ = n·u / (1 − n·u): the relative error of a product of n factors 1 + δ with |δ| ≤ u (Higham,
  /// Accuracy and Stability of Numerical Algorithms, lemma 3.1).
  package static func gamma(_ n: Int, _ unit: Double = float32) -> Double {
    let sum = Double(n) * unit
    precondition(sum < 1, "\(n) roundings of \(unit) bound nothing")
    return sum / (1 - sum)
  }

  /// The nearest bfloat16, ties to even.
  package static func toBFloat16(_ x: Float) -> Float {
    let bits = x.bitPattern
    return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
  }
}
