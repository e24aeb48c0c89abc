#pragma once

/// The instruction sets of the fast kernels. Values are ordered: each level includes those below.
enum ctk_level {
  ctk_level_plain = 0,   // the architecture's baseline (SSE2 or NEON)
  ctk_level_avx2 = 1,    // AVX2, FMA, F16C
  ctk_level_avx512 = 2,  // AVX-512 F, BW, DQ, VL
};

/// The level in use: the processor's, or a lower limit set by ctk_limit_level.
int ctk_level(void);

/// The highest level that this processor and its operating system support.
int ctk_highest_level(void);

/// Limits the level on the calling thread and in the parallel loops that it starts, for tests and
/// comparisons; returns the resulting level.
int ctk_limit_level(int level);

/// The calling thread's limit on the level.
int ctk_level_limit(void);

/// Whether the processor has bfloat16 products in AVX-512.
int ctk_has_avx512_bf16(void);

/// Whether the kernels for bfloat16 products can be used: the processor has AVX-512 with BF16, VNNI
/// and VBMI2, and the calling thread's level isn't limited.
int ctk_has_bf16_products(void);

/// The instruction set that the decode products (decode.h) use.
enum ctk_decode_isa {
  ctk_decode_plain = 0,    // none: plain twins
  ctk_decode_neon = 1,     // NEON
  ctk_decode_dotprod = 2,  // NEON with dot products of bytes
  ctk_decode_avx2 = 3,     // AVX2
  ctk_decode_avx512 = 4,   // AVX-512 with VBMI2 and VNNI, where ctk_has_bf16_products()
};

/// The best enum ctk_decode_isa on this processor, at the calling thread's level.
int ctk_decode_isa(void);

/// Whether ctk_decode_isa() is better than the plain twins.
int ctk_has_decode_kernels(void);
