// Parts shared by the products in bfloat16: the block of C that is accumulated in registers, and
// pairs of values along k, which one instruction multiplies and adds.
#pragma once
#include "bf16.h"
#include "gemm_bf16.h"
#include "vectors.h"

#if defined(__x86_64__)
enum {
  height = ctk_bf16_rows,
  width = 32,
  longest_depth = 768,  // of a panel: 768 × 32 × 2 bytes are 48 KB
};

static inline intptr_t least(intptr_t a, intptr_t b) { return a < b ? a : b; }

/// Rounds values 0..<rest of a row (at most 32) to bfloat16, as 16 pairs padded with zeros.
CTK_BF16 static inline v16 pairs_of(const float *row, intptr_t rest) {
  if (rest >= 32)
    return (v16)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(row + 16), _mm512_loadu_ps(row));
  const uint32_t kept = rest > 0 ? ((uint32_t)1 << rest) - 1 : 0;
  return (v16)_mm512_cvtne2ps_pbh(
      _mm512_maskz_loadu_ps((__mmask16)(kept >> 16), row + 16),
      _mm512_maskz_loadu_ps((__mmask16)kept, row));
}

/// Writes sums to `columns` values of a row of C, at most sixteen; added to C unless beta is 0.
CTK_BF16 static inline void keep(float *place, __m512 sum, intptr_t columns, float beta) {
  if (columns <= 0) return;
  const __mmask16 some =
      columns >= 16 ? (__mmask16)0xffff : (__mmask16)(((uint32_t)1 << columns) - 1);
  if (beta != 0) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(some, place));
  _mm512_mask_storeu_ps(place, some, sum);
}

/// c[rows][columns] = Σ over pairs of a·b + beta·c with beta 0 or 1; rows ≤ height, columns ≤
/// width.
CTK_BF16 static void block(
    intptr_t pairs, const uint32_t *a, const uint32_t *b, float *c, intptr_t c_row, intptr_t rows,
    intptr_t columns, float beta) {
  __m512 sum[height][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < height; i++) sum[i][0] = sum[i][1] = _mm512_setzero_ps();
  for (intptr_t q = 0; q < pairs; q++, a += height, b += width) {
    const __m512bh b0 = (__m512bh)_mm512_loadu_si512(b);
    const __m512bh b1 = (__m512bh)_mm512_loadu_si512(b + 16);
#pragma clang loop unroll(full)
    for (int i = 0; i < height; i++) {
      const __m512bh x = (__m512bh)_mm512_set1_epi32((int)a[i]);
      sum[i][0] = _mm512_dpbf16_ps(sum[i][0], x, b0);
      sum[i][1] = _mm512_dpbf16_ps(sum[i][1], x, b1);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < height; i++) {
    if (i >= rows) break;
    keep(c + i * c_row, sum[i][0], columns, beta);
    keep(c + i * c_row + 16, sum[i][1], columns - 16, beta);
  }
}
#endif
