#include "support.h"

#define CTK_BODY static inline __attribute__((always_inline))
enum { lanes = 16 };

// Sums in a fixed number of lanes: vectors of any width, and always the same result.
CTK_BODY double dot(const float *a, const float *b, intptr_t n) {
  double total[lanes] = {0};
  intptr_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++) total[l] += (double)a[i + l] * (double)b[i + l];
  for (; i < n; i++) total[0] += (double)a[i] * (double)b[i];
  double sum = 0;
  for (int l = 0; l < lanes; l++) sum += total[l];
  return sum;
}

CTK_BODY double energy_of(const float *residual, const float *inverse, intptr_t n) {
  double total[lanes] = {0};
  intptr_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int l = 0; l < lanes; l++)
      total[l] += (double)residual[i + l] * (double)residual[i + l] * (double)inverse[i + l];
  for (; i < n; i++) total[0] += (double)residual[i] * (double)residual[i] * (double)inverse[i];
  double sum = 0;
  for (int l = 0; l < lanes; l++) sum += total[l];
  return sum;
}

void ctk_support_begin(
    const uint8_t *kept, const float *inverse_diagonal, intptr_t n, float *residual, float *p,
    double *energy) {
  for (intptr_t i = 0; i < n; i++) {
    residual[i] = kept[i] ? residual[i] : 0;
    p[i] = residual[i] * inverse_diagonal[i];
  }
  *energy = energy_of(residual, inverse_diagonal, n);
}

CTK_BODY void step(
    const uint8_t *kept, const float *inverse_diagonal, const float *product, intptr_t n,
    float *w, float *residual, float *p, double *energy) {
  const double curvature = dot(p, product, n);
  // At the minimum already, as far as float32 can tell.
  if (!(curvature > 0) || !(*energy > 0)) return;
  const float alpha = (float)(*energy / curvature);
  for (intptr_t i = 0; i < n; i++) {
    w[i] += alpha * p[i];
    residual[i] = kept[i] ? residual[i] - alpha * product[i] : 0;
  }
  const double next = energy_of(residual, inverse_diagonal, n);
  const float beta = (float)(next / *energy);
  for (intptr_t i = 0; i < n; i++) p[i] = residual[i] * inverse_diagonal[i] + beta * p[i];
  *energy = next;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void step_avx2(
    const uint8_t *kept, const float *inverse_diagonal, const float *product, intptr_t n,
    float *w, float *residual, float *p, double *energy) {
  step(kept, inverse_diagonal, product, n, w, residual, p, energy);
}
#endif

void ctk_support_step(
    const uint8_t *kept, const float *inverse_diagonal, const float *product, intptr_t n,
    float *w, float *residual, float *p, double *energy) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    step_avx2(kept, inverse_diagonal, product, n, w, residual, p, energy);
    return;
  }
#endif
  step(kept, inverse_diagonal, product, n, w, residual, p, energy);
}
