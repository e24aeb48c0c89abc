#pragma once

/// What the fast kernels may use. Values are ordered: each level includes those below.
enum ctk_level {
  ctk_level_plain = 0,   // the architecture's baseline (SSE2 or NEON)
  ctk_level_avx2 = 1,    // AVX2, FMA, F16C
  ctk_level_avx512 = 2,  // AVX-512 F, BW, DQ, VL beside the above
};

/// The level in use: the processor's, or a lower one that was asked for.
int ctk_level(void);

/// The highest level that this processor and its operating system support.
int ctk_highest_level(void);

/// Limits the level on the calling thread, and in the parallel loops that it starts, from now on
/// (for tests and comparisons); returns the level then in use.
int ctk_limit_level(int level);

/// The calling thread's limit.
int ctk_level_limit(void);

/// Whether the processor has bfloat16 products in AVX-512.
int ctk_has_avx512_bf16(void);

/// Whether the kernels for bfloat16 products can be used: AVX-512 with BF16, VNNI and VBMI2, at a
/// level that isn't limited.
int ctk_has_bf16_products(void);

/// What multiplies codes with a few rows of inputs in integers (few_rows.h).
enum ctk_few_kernels {
  ctk_few_plain = 0,    // nothing fast
  ctk_few_neon = 1,     // NEON
  ctk_few_dotprod = 2,  // NEON with dot products of bytes
  ctk_few_avx2 = 3,     // AVX2
  ctk_few_avx512 = 4,   // what bfloat16 products need
};
int ctk_few_kernels(void);

/// Whether there are fast ones.
int ctk_has_few_products(void);
