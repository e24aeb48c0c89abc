import CKernels

/// The numbers in which products with weights, and attention's, are computed. Everything else (norms,
/// rotations, softmax, losses, sums) is float32 in both.
package enum Arithmetic: String, Sendable, CaseIterable {
  /// Inputs and weights as they are: exact to float32's rounding.
  case float32
  /// Both operands rounded to bfloat16 (8 bits of mantissa) on their way into the product,
  /// sums in float32. About twice as fast, where the processor has such products.
  case bfloat16

  /// Whether this processor has what it takes (AVX-512 with BF16, VNNI and VBMI2 for bfloat16).
  package var isAvailable: Bool { self == .float32 || ctk_has_bf16_products() != 0 }

  /// What products asked for in these numbers are computed in here: float32 where bfloat16 isn't
  /// available.
  package var available: Arithmetic { isAvailable ? self : .float32 }
}
