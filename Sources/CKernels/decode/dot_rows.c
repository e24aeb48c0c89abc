// Dot products of one row of float32 weights with a few rows of x.
#include "dot_rows.h"

#include "vectors.h"

/// Σ w·x, k terms, in two accumulators of sixteen lanes, which hide the latency of the additions.
CTK_INLINE float dot(const float *w, const float *x, intptr_t k) {
  v16 a = {0}, b = {0};
  intptr_t i = 0;
  for (; i + 32 <= k; i += 32) {
    a += v16_load(w + i) * v16_load(x + i);
    b += v16_load(w + i + 16) * v16_load(x + i + 16);
  }
  for (; i + 16 <= k; i += 16) a += v16_load(w + i) * v16_load(x + i);
  if (i < k) b += v16_load_part(w + i, k - i, 0) * v16_load_part(x + i, k - i, 0);
  return v16_sum(a + b);
}

CTK_INLINE void body_of_ctk_dot_rows(
    const float *w, const float *x, intptr_t ldx, intptr_t m, intptr_t k, float *y, intptr_t ldy,
    int accumulate) {
  for (intptr_t j = 0; j < m; j++) {
    const float sum = dot(w, x + j * ldx, k);
    y[j * ldy] = accumulate ? y[j * ldy] + sum : sum;
  }
}
CTK_KERNEL(
    ctk_dot_rows,
    (const float *w, const float *x, intptr_t ldx, intptr_t m, intptr_t k, float *y, intptr_t ldy,
     int accumulate),
    (w, x, ldx, m, k, y, ldy, accumulate))
