import CKernels

/// The precision of matrix products with weights and in attention: exact (float32) or fast
/// (bfloat16). Norms, rotary embedding, softmax, losses and sums are float32 in both.
///
/// A case is named after the operands' format in products of many rows. The formats by number of
/// rows are:
///
///                                   float32     bfloat16
///     more than 8 rows              float32     bfloat16 where the processor has it, else float32
///     up to 8 rows, decoding:
///       packed weights              float32     inputs as 16-bit integers, codes unrounded
///       16-bit and float32 weights  float32     float32
///
/// 16-bit integers (an error of at most 2⁻¹⁶ of the largest of 64 neighbours) are finer than
/// bfloat16 and need only AVX2 or NEON, so a processor without bfloat16 products decodes in them
/// too.
package enum Arithmetic: String, Sendable, CaseIterable {
  /// Operands and sums in float32.
  case float32
  /// Operands rounded to bfloat16 (8 bits of mantissa), sums in float32; about twice as fast.
  case bfloat16

  /// Whether this processor supports the arithmetic. bfloat16 needs AVX-512 with BF16, VNNI and
  /// VBMI2.
  package var isAvailable: Bool { self == .float32 || ctk_has_bf16_products() != 0 }

  /// The arithmetic of products of many rows on this processor, as records name it: float32 if
  /// bfloat16 isn't available.
  package var available: Arithmetic { isAvailable ? self : .float32 }
}
