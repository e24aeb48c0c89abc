#include "CRoofline.h"

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) static double bf16_products(
    intptr_t rounds) {
  __m512 sum[24];
  for (int i = 0; i < 24; i++) sum[i] = _mm512_setzero_ps();
  __m512bh a = (__m512bh)_mm512_set1_epi32(0x3f803f80), b = a;
  for (intptr_t r = 0; r < rounds; r++) {
    // Keeps the compiler from hoisting the products out of the loop.
    __asm__ volatile("" : "+v"(a), "+v"(b));
#pragma clang loop unroll(full)
    for (int i = 0; i < 24; i++) sum[i] = _mm512_dpbf16_ps(sum[i], a, b);
  }
  for (int i = 0; i < 24; i++) __asm__ volatile("" : : "v"(sum[i]));
  return (double)rounds * 24 * 32;
}

__attribute__((target("avx512f"))) static double wide_f32_products(intptr_t rounds) {
  __m512 sum[24];
  for (int i = 0; i < 24; i++) sum[i] = _mm512_setzero_ps();
  __m512 a = _mm512_set1_ps(1), b = a;
  for (intptr_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : "+v"(a), "+v"(b));
#pragma clang loop unroll(full)
    for (int i = 0; i < 24; i++) sum[i] = _mm512_fmadd_ps(a, b, sum[i]);
  }
  for (int i = 0; i < 24; i++) __asm__ volatile("" : : "v"(sum[i]));
  return (double)rounds * 24 * 16;
}

__attribute__((target("avx2,fma"))) static double f32_products(intptr_t rounds) {
  __m256 sum[12];
  for (int i = 0; i < 12; i++) sum[i] = _mm256_setzero_ps();
  __m256 a = _mm256_set1_ps(1), b = a;
  for (intptr_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : "+x"(a), "+x"(b));
#pragma clang loop unroll(full)
    for (int i = 0; i < 12; i++) sum[i] = _mm256_fmadd_ps(a, b, sum[i]);
  }
  for (int i = 0; i < 12; i++) __asm__ volatile("" : : "x"(sum[i]));
  return (double)rounds * 12 * 8;
}

double roofline_products(intptr_t rounds, int bf16) {
  __builtin_cpu_init();
  if (bf16 && __builtin_cpu_supports("avx512bf16")) return bf16_products(rounds);
  return __builtin_cpu_supports("avx512f") ? wide_f32_products(rounds) : f32_products(rounds);
}
#else
double roofline_products(intptr_t rounds, int bf16) {
  (void)bf16;
  float sum[32] = {0}, a = 1, b = 1;
  for (intptr_t r = 0; r < rounds; r++) {
    __asm__ volatile("" : "+r"(r));
    for (int i = 0; i < 32; i++) sum[i] += a * b;
  }
  for (int i = 0; i < 32; i++) __asm__ volatile("" : : "m"(sum[i]));
  return (double)rounds * 32;
}
#endif

uint64_t roofline_read(const uint64_t *words, intptr_t count) {
  typedef uint64_t v8 __attribute__((vector_size(64), aligned(8)));
  v8 a = {0}, b = {0}, c = {0}, d = {0};
  const intptr_t quarter = count / 4 / 8 * 8;
  for (intptr_t i = 0; i < quarter; i += 8) {
    a ^= *(const v8 *)(const void *)(words + i);
    b ^= *(const v8 *)(const void *)(words + quarter + i);
    c ^= *(const v8 *)(const void *)(words + 2 * quarter + i);
    d ^= *(const v8 *)(const void *)(words + 3 * quarter + i);
  }
  a ^= b ^ c ^ d;
  uint64_t sum = 0;
  for (int i = 0; i < 8; i++) sum ^= a[i];
  return sum;
}
