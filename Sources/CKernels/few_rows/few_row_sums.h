// The end of rows in few_rows.c: lanes added up for sixteen rows at once. One by one that takes about
// 30 cycles each, half as long as the product of a row of 576 columns.
#pragma once
#include "bf16.h"
#include "few_rows.h"

#if defined(__x86_64__)

/// Results of rows that lie side by side, put one after another.
struct ctk_row_sums {
  __m512 lanes[ctk_few_rows][16];  // per row of inputs, of the rows that wait
  intptr_t waiting, inputs;
  float *y;  // where the first of them goes; inputs are `ldy` apart
  intptr_t ldy;
};

/// Lane i of the result: the sum of all lanes of rows[i]. Each row is added up in the same order wherever it
/// stands.
CTK_BF16 static inline __m512 ctk_sums_of_rows(const __m512 rows[16]) {
  __m512 fours[4];
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const __m512 *r = rows + 4 * i;
    const __m512d a = _mm512_castps_pd(
        _mm512_add_ps(_mm512_unpacklo_ps(r[0], r[1]), _mm512_unpackhi_ps(r[0], r[1])));
    const __m512d b = _mm512_castps_pd(
        _mm512_add_ps(_mm512_unpacklo_ps(r[2], r[3]), _mm512_unpackhi_ps(r[2], r[3])));
    fours[i] = _mm512_add_ps(
        _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  __m512 halves[2];
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++)
    halves[i] = _mm512_add_ps(
        _mm512_shuffle_f32x4(fours[2 * i], fours[2 * i + 1], 0x88),
        _mm512_shuffle_f32x4(fours[2 * i], fours[2 * i + 1], 0xdd));
  return _mm512_add_ps(
      _mm512_shuffle_f32x4(halves[0], halves[1], 0x88),
      _mm512_shuffle_f32x4(halves[0], halves[1], 0xdd));
}

/// Writes the results of the rows that wait.
CTK_BF16 static inline void ctk_end_rows(struct ctk_row_sums *s) {
  for (intptr_t j = 0; j < s->inputs; j++) {
    for (intptr_t i = s->waiting; i < 16; i++) s->lanes[j][i] = _mm512_setzero_ps();
    _mm512_mask_storeu_ps(
        s->y + j * s->ldy, (__mmask16)((1u << s->waiting) - 1), ctk_sums_of_rows(s->lanes[j]));
  }
  s->y += s->waiting;
  s->waiting = 0;
}

/// The next row: its sums per row of inputs, and what is to be taken off them, [inputs, 16].
CTK_BF16 static inline __attribute__((always_inline)) void ctk_put_row(
    struct ctk_row_sums *s, const __m512 sums[], const float *corrections, const intptr_t inputs) {
  for (intptr_t j = 0; j < inputs; j++)
    s->lanes[j][s->waiting] = _mm512_sub_ps(sums[j], _mm512_loadu_ps(corrections + 16 * j));
  if (++s->waiting == 16) ctk_end_rows(s);
}
#endif
