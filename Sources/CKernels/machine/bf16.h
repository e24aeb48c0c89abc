// Conversions between float32 and bfloat16, which is the upper half of a float32.
#pragma once
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
/// The target attribute of functions for processors with bfloat16 products, all of which have the
/// other features too.
#define CTK_BF16                                                                               \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vbmi,"           \
                        "avx512vbmi2,avx512vnni,avx2,fma,f16c,bmi,bmi2,popcnt")))
#endif

/// Rounds to the nearest bfloat16, ties to even; NaN stays NaN.
static inline uint16_t ctk_float_to_bf16(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float ctk_bf16_to_float(uint16_t half) {
  const uint32_t bits = (uint32_t)half << 16;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}
