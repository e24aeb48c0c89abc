#include "online_softmax.h"

#include <math.h>

#include "vectors.h"

CTK_INLINE void body_of_ctk_online_softmax(
    float *s, intptr_t n, float scale, float *highest, float *sum, float *correction) {
  *correction = 1;
  if (n <= 0) return;
  v16 top = v16_all(-INFINITY);
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) top = v16_max(v16_load(s + i) * v16_all(scale), top);
  if (i < n) {
    // The filler must lose whatever the sign of `scale`.
    v16 rest = v16_load_part(s + i, n - i, s[0]);
    top = v16_max(rest * v16_all(scale), top);
  }
  float m = v16_highest(top);
  if (*highest > m) m = *highest;
  v16 total = {0};
  for (i = 0; i + 16 <= n; i += 16) {
    v16 e = v16_exp(v16_load(s + i) * v16_all(scale) - v16_all(m));
    total += e;
    v16_store(s + i, e);
  }
  float added = 0;
  if (i < n) {
    float part[16];
    v16_store(part, v16_exp(v16_load_part(s + i, n - i, 0) * v16_all(scale) - v16_all(m)));
    for (intptr_t j = 0; i + j < n; j++) {
      s[i + j] = part[j];
      added += part[j];
    }
  }
  added += v16_sum(total);
  const float c = *highest == m ? 1.0f : expf(*highest - m);
  *highest = m;
  *sum = *sum * c + added;
  *correction = c;
}
CTK_KERNEL(
    ctk_online_softmax,
    (float *s, intptr_t n, float scale, float *highest, float *sum, float *correction),
    (s, n, scale, highest, sum, correction))

void ctk_online_softmax_ref(
    float *s, intptr_t n, float scale, float *highest, float *sum, float *correction) {
  double m = *highest, added = 0;
  for (intptr_t i = 0; i < n; i++) m = fmax(m, (double)scale * s[i]);
  const double c = *highest == m ? 1 : exp(*highest - m);
  for (intptr_t i = 0; i < n; i++) {
    const double e = exp((double)scale * s[i] - m);
    s[i] = (float)e;
    added += e;
  }
  *highest = (float)m;
  *sum = (float)(*sum * c + added);
  *correction = (float)c;
}

CTK_INLINE void body_of_ctk_softmax_again(float *s, intptr_t n, float scale, float log_sum) {
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16)
    v16_store(s + i, v16_exp(v16_load(s + i) * v16_all(scale) - v16_all(log_sum)));
  if (i < n) {
    v16 rest = v16_load_part(s + i, n - i, 0);
    v16_store_part(s + i, v16_exp(rest * v16_all(scale) - v16_all(log_sum)), n - i);
  }
}
CTK_KERNEL(
    ctk_softmax_again, (float *s, intptr_t n, float scale, float log_sum),
    (s, n, scale, log_sum))

void ctk_softmax_again_ref(float *s, intptr_t n, float scale, float log_sum) {
  for (intptr_t i = 0; i < n; i++) s[i] = (float)exp((double)scale * s[i] - log_sum);
}

CTK_INLINE void body_of_ctk_softmax_backward(
    const float *p, float *dp, intptr_t n, float scale, float delta) {
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16)
    v16_store(dp + i, v16_all(scale) * v16_load(p + i) * (v16_load(dp + i) - v16_all(delta)));
  for (; i < n; i++) dp[i] = scale * p[i] * (dp[i] - delta);
}
CTK_KERNEL(
    ctk_softmax_backward, (const float *p, float *dp, intptr_t n, float scale, float delta),
    (p, dp, n, scale, delta))

void ctk_softmax_backward_ref(const float *p, float *dp, intptr_t n, float scale, float delta) {
  for (intptr_t i = 0; i < n; i++) dp[i] = (float)((double)scale * p[i] * ((double)dp[i] - delta));
}
