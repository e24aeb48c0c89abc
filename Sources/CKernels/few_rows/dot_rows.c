#include "dot_rows.h"

#include "vectors.h"

/// Σ w·x in two times sixteen lanes, so that one addition needn't wait for the one before.
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

void ctk_dot_rows_ref(
    const float *w, const float *x, intptr_t ldx, intptr_t m, intptr_t k, float *y, intptr_t ldy,
    int accumulate) {
  for (intptr_t j = 0; j < m; j++) {
    double sum = accumulate ? y[j * ldy] : 0;
    for (intptr_t i = 0; i < k; i++) sum += (double)w[i] * x[j * ldx + i];
    y[j * ldy] = (float)sum;
  }
}
