import CKernels

/// The precision of products with weights and in attention: exact, or fast. Norms, rotations, softmax,
/// losses and sums are float32 in both.
///
/// The name of a case is that of its operands in products of many rows. What a product computes in:
///
///                                   float32     bfloat16
///     more than 8 rows              float32     bfloat16 where the processor has it, else float32
///     up to 8 rows, decoding:
///       packed weights              float32     inputs as 16-bit integers, codes as they are
///       16-bit and float32 weights  float32     float32
///
/// 16-bit integers (to 2⁻¹⁶ of the largest of 64 neighbours) are finer than bfloat16 and need only AVX2
/// or NEON, so a processor without bfloat16 products still decodes in them.
package enum Arithmetic: String, Sendable, CaseIterable {
  /// Inputs and weights as they are: exact to float32's rounding.
  case float32
  /// Operands rounded to bfloat16 (8 bits of mantissa), sums in float32; about twice as fast.
  case bfloat16

  /// Whether this processor has bfloat16 products (AVX-512 with BF16, VNNI and VBMI2), where asked for.
  package var isAvailable: Bool { self == .float32 || ctk_has_bf16_products() != 0 }

  /// The arithmetic of products of many rows on this processor, as records name it: float32 where
  /// bfloat16 isn't available.
  package var available: Arithmetic { isAvailable ? self : .float32 }
}
