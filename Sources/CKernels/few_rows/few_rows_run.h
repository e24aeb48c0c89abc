// One run of 64 columns in the loops for sparse weights.
#pragma once
#include "few_rows_loop.h"

#if defined(__x86_64__)

/// Adds scale·(Σ w·x) of one run; x as high and low bytes.
CTK_BF16 static inline __attribute__((always_inline)) __m512 ctk_add_run(
    __m512 sum, __m512i w, const __m512i x[2], __m512 scale) {
  const __m512i upper = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w, x[0]);
  const __m512i both = _mm512_dpbusd_epi32(_mm512_slli_epi32(upper, 8), w, x[1]);
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(both), scale, sum);
}

/// One run of inputs in registers: once for several rows of weights, not as operands from memory.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_load_run(
    const int8_t *values, __m512i x[2]) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    x[i] = _mm512_loadu_si512(values + 64 * i);
    __asm__("" : "+v"(x[i]));
  }
}
#endif
