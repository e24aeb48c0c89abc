#include "online_softmax.h"

#include <math.h>

#include "vectors.h"

/// The number of visible scores of a row.
CTK_INLINE intptr_t visible(const struct ctk_scores *b, intptr_t row) {
  const intptr_t count = b->edge + row;
  return count < 0 ? 0 : count > b->n ? b->n : count;
}

CTK_INLINE float highest_of(const float *s, intptr_t n, float scale) {
  v16 top = v16_all(-INFINITY);
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) top = v16_max(v16_load(s + i), top);
  if (i < n) top = v16_max(v16_load_part(s + i, n - i, -INFINITY), top);
  return v16_highest(top) * scale;
}

/// Σ exp(scale·s − m) of n scores; with `keep` the terms replace the scores.
CTK_INLINE float sum_of_exponentials(float *s, intptr_t n, float scale, float m, int keep) {
  v16 total = {0};
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const v16 e = v16_exp(v16_load(s + i) * v16_all(scale) - v16_all(m));
    total += e;
    if (keep) v16_store(s + i, e);
  }
  if (i < n) {
    // Lanes past the end become exp(−∞) = 0.
    const v16 rest = v16_load_part(s + i, n - i, -INFINITY);
    const v16 e = v16_exp(rest * v16_all(scale) - v16_all(m));
    total += e;
    if (keep) v16_store_part(s + i, e, n - i);
  }
  return v16_sum(total);
}

CTK_INLINE void body_of_ctk_online_softmax(
    const struct ctk_scores *block, float *highest, float *sum, float *correction, int keep) {
  for (intptr_t first = 0; first < block->rows; first += 16) {
    const intptr_t rows = block->rows - first < 16 ? block->rows - first : 16;
    float fall[16] = {0}, added[16] = {0};
    for (intptr_t i = 0; i < rows; i++) {
      const intptr_t row = first + i, n = visible(block, row);
      float *s = block->scores + row * block->stride;
      if (n > 0) {
        const float top = highest_of(s, n, block->scale);
        const float m = top > highest[row] ? top : highest[row];
        fall[i] = m == highest[row] ? 0 : highest[row] - m;
        highest[row] = m;
        added[i] = sum_of_exponentials(s, n, block->scale, m, keep);
      }
      if (keep) memset(s + n, 0, (size_t)(block->n - n) * sizeof(float));
    }
    const v16 c = v16_exp(v16_load(fall));
    v16_store_part(correction + first, c, rows);
    v16_store_part(
        sum + first, v16_load_part(sum + first, rows, 0) * c + v16_load(added), rows);
  }
}
CTK_KERNEL(
    ctk_online_softmax,
    (const struct ctk_scores *block, float *highest, float *sum, float *correction, int keep),
    (block, highest, sum, correction, keep))

void ctk_online_softmax_ref(
    const struct ctk_scores *block, float *highest, float *sum, float *correction, int keep) {
  for (intptr_t row = 0; row < block->rows; row++) {
    float *s = block->scores + row * block->stride;
    double m = highest[row], added = 0;
    for (intptr_t i = 0; i < visible(block, row); i++)
      m = fmax(m, (double)block->scale * s[i]);
    const double c = highest[row] == m ? 1 : exp(highest[row] - m);
    for (intptr_t i = 0; i < block->n; i++) {
      const double e = i < visible(block, row) ? exp((double)block->scale * s[i] - m) : 0;
      if (keep) s[i] = (float)e;
      added += e;
    }
    highest[row] = (float)m;
    sum[row] = (float)(sum[row] * c + added);
    correction[row] = (float)c;
  }
}

CTK_INLINE void body_of_ctk_softmax_again(const struct ctk_scores *block, const float *log_sum) {
  for (intptr_t row = 0; row < block->rows; row++) {
    float *s = block->scores + row * block->stride;
    const intptr_t n = visible(block, row);
    const v16 scale = v16_all(block->scale), down = v16_all(log_sum[row]);
    intptr_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(s + i, v16_exp(v16_load(s + i) * scale - down));
    if (i < n)
      v16_store_part(s + i, v16_exp(v16_load_part(s + i, n - i, 0) * scale - down), n - i);
    memset(s + n, 0, (size_t)(block->n - n) * sizeof(float));
  }
}
CTK_KERNEL(
    ctk_softmax_again, (const struct ctk_scores *block, const float *log_sum), (block, log_sum))

void ctk_softmax_again_ref(const struct ctk_scores *block, const float *log_sum) {
  for (intptr_t row = 0; row < block->rows; row++)
    for (intptr_t i = 0; i < block->n; i++) {
      float *s = block->scores + row * block->stride + i;
      *s = i < visible(block, row) ? (float)exp((double)block->scale * *s - log_sum[row]) : 0;
    }
}

CTK_INLINE void body_of_ctk_softmax_backward(
    const struct ctk_scores *block, const float *p, const float *delta) {
  for (intptr_t row = 0; row < block->rows; row++) {
    float *dp = block->scores + row * block->stride;
    const float *weights = p + row * block->stride;
    const intptr_t n = visible(block, row);
    const v16 scale = v16_all(block->scale), mean = v16_all(delta[row]);
    intptr_t i = 0;
    for (; i + 16 <= n; i += 16)
      v16_store(dp + i, scale * v16_load(weights + i) * (v16_load(dp + i) - mean));
    for (; i < n; i++) dp[i] = block->scale * weights[i] * (dp[i] - delta[row]);
    memset(dp + n, 0, (size_t)(block->n - n) * sizeof(float));
  }
}
CTK_KERNEL(
    ctk_softmax_backward,
    (const struct ctk_scores *block, const float *p, const float *delta), (block, p, delta))

void ctk_softmax_backward_ref(
    const struct ctk_scores *block, const float *p, const float *delta) {
  for (intptr_t row = 0; row < block->rows; row++)
    for (intptr_t i = 0; i < block->n; i++) {
      float *dp = block->scores + row * block->stride + i;
      const double weight = p[row * block->stride + i];
      *dp = i < visible(block, row) ? (float)(block->scale * weight * (*dp - delta[row])) : 0;
    }
}
