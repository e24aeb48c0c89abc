// Vectors of sixteen floats on every processor: one AVX-512 register, two of AVX, four of SSE or
// NEON. Kernels are written once with these and compiled once per level (CTK_KERNEL). Sums run in
// sixteen lanes at every level, so results of different levels differ only by fused multiply-adds.
#pragma once
#include <stdint.h>
#include <string.h>

#include "dispatch.h"

// Safe to ignore: every function with a vector parameter is inlined into its kernel.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float v16 __attribute__((vector_size(64)));
typedef int32_t m16 __attribute__((vector_size(64)));
typedef double d16 __attribute__((vector_size(128)));

#define CTK_INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
/// Defines the kernel `name`, which calls `body_of_##name` compiled for the level in use.
#define CTK_KERNEL(name, parameters, arguments)                                        \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))) static void \
      avx512_##name parameters { body_of_##name arguments; }                           \
  __attribute__((target("avx2,fma,f16c"))) static void avx2_##name parameters {         \
    body_of_##name arguments;                                                          \
  }                                                                                    \
  void name parameters {                                                               \
    int level = ctk_level();                                                           \
    if (level == ctk_level_avx512) {                                                   \
      avx512_##name arguments;                                                         \
    } else if (level == ctk_level_avx2) {                                              \
      avx2_##name arguments;                                                           \
    } else {                                                                           \
      body_of_##name arguments;                                                        \
    }                                                                                  \
  }
#else
#define CTK_KERNEL(name, parameters, arguments) \
  void name parameters { body_of_##name arguments; }
#endif

CTK_INLINE v16 v16_load(const float *p) {
  v16 v;
  memcpy(&v, p, sizeof v);
  return v;
}

CTK_INLINE void v16_store(float *p, v16 v) { memcpy(p, &v, sizeof v); }

/// Loads n < 16 values and fills the other lanes with `filler`.
CTK_INLINE v16 v16_load_part(const float *p, intptr_t n, float filler) {
  v16 v = filler - (v16){};
  memcpy(&v, p, (size_t)n * sizeof(float));
  return v;
}

CTK_INLINE void v16_store_part(float *p, v16 v, intptr_t n) {
  memcpy(p, &v, (size_t)n * sizeof(float));
}

CTK_INLINE v16 v16_all(float x) { return x - (v16){}; }

CTK_INLINE v16 v16_select(m16 condition, v16 yes, v16 no) {
  return (v16)(((m16)yes & condition) | ((m16)no & ~condition));
}

/// The larger of two numbers, lane by lane; b where they are equal or one is NaN.
CTK_INLINE v16 v16_max(v16 a, v16 b) { return v16_select((m16)(a > b), a, b); }
/// The smaller of two numbers, lane by lane; b where they are equal or one is NaN.
CTK_INLINE v16 v16_min(v16 a, v16 b) { return v16_select((m16)(a < b), a, b); }

/// The nearest integer, ties to even, for |x| < 2²²: adding 1.5·2²³ leaves no fraction bits.
CTK_INLINE v16 v16_round_even(v16 x) {
  const v16 magic = v16_all(12582912.0f);
  return (x + magic) - magic;
}

/// Loads sixteen bytes and widens each to 32 bits.
CTK_INLINE m16 m16_load_bytes(const uint8_t *p) {
  typedef uint8_t b16 __attribute__((vector_size(16)));
  b16 bytes;
  memcpy(&bytes, p, sizeof bytes);
  return __builtin_convertvector(bytes, m16);
}

CTK_INLINE d16 d16_of(v16 v) { return __builtin_convertvector(v, d16); }

/// The sum of all lanes, added pairwise: 0+8, 1+9, …, then halves of the result.
CTK_INLINE float v16_sum(v16 v) {
  float t[16];
  memcpy(t, &v, sizeof t);
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; i++) t[i] += t[i + width];
  return t[0];
}

/// The highest of all lanes.
CTK_INLINE float v16_highest(v16 v) {
  float t[16];
  memcpy(t, &v, sizeof t);
  for (int width = 8; width > 0; width /= 2)
    for (int i = 0; i < width; i++) t[i] = t[i] > t[i + width] ? t[i] : t[i + width];
  return t[0];
}

/// eˣ with an error of at most 1.1 ulp for −87.3365 ≤ x ≤ 88.72; 0 below this range, e^88.72 above
/// it, NaN for NaN.
///
/// x = n·ln 2 + r with |r| ≤ ln 2 / 2, where ln 2 is split in two parts (Cody and Waite). eʳ is a
/// polynomial of degree seven (the coefficients of Moshier's Cephes library), and n is added to its
/// exponent.
CTK_INLINE v16 v16_exp(v16 x) {
  const m16 tiny = (m16)(x < v16_all(-87.3365f));
  x = v16_select((m16)(x > v16_all(88.72283f)), v16_all(88.72283f), x);
  x = v16_select(tiny, v16_all(0.0f), x);
  // Adding 1.5·2²³ rounds to the nearest integer and leaves it in the low bits.
  const v16 magic = v16_all(12582912.0f);
  const v16 shifted = x * v16_all(1.44269504f) + magic;
  const v16 n = shifted - magic;
  v16 r = x - n * v16_all(0.693359375f);
  r = r - n * v16_all(-2.12194440e-4f);
  v16 p = v16_all(1.9875691500e-4f);
  p = p * r + v16_all(1.3981999507e-3f);
  p = p * r + v16_all(8.3334519073e-3f);
  p = p * r + v16_all(4.1665795894e-2f);
  p = p * r + v16_all(1.6666665459e-1f);
  p = p * r + v16_all(5.0000001201e-1f);
  p = p * (r * r) + r + v16_all(1.0f);
  // Where n = 128, r is negative and p below 1: the exponent field still fits. A NaN may have low
  // bits that would turn it into a number, so nothing is added to it.
  p = (v16)((m16)p + (((m16)shifted << 23) & (m16)(x == x)));
  return v16_select(tiny, v16_all(0.0f), p);
}
