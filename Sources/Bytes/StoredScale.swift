/// The scales of packed tensors as they are stored: float16 times a power of two per tensor.
package enum StoredScale {
  /// The exponents of that power. Every float16 times every such power is a normal number in
  /// float32, or 0: 2^−24 · 2^−64 = 2^−88, and 65504 · 2^64 < 2^80.
  package static let exponents = -64...64
}
