// Activations of feed-forward layers without a gate: ReLU, and the exact GELU (Hendrycks and
// Gimpel, arXiv 1606.08415).
#include "activation.h"

#include <math.h>

#include "vectors.h"

/// Defines the kernel of an elementwise activation and of its backward pass from two functions of
/// sixteen values.
#define CTK_ACTIVATION(name, forward, backward)                                              \
  CTK_INLINE void body_of_##name(const float *x, float *y, intptr_t n) {                      \
    intptr_t i = 0;                                                                          \
    for (; i + 16 <= n; i += 16) v16_store(y + i, forward(v16_load(x + i)));                 \
    if (i < n) v16_store_part(y + i, forward(v16_load_part(x + i, n - i, 0)), n - i);        \
  }                                                                                          \
  CTK_KERNEL(name, (const float *x, float *y, intptr_t n), (x, y, n))                        \
  CTK_INLINE void body_of_##name##_backward(                                                 \
      const float *dy, const float *x, float *dx, intptr_t n) {                              \
    intptr_t i = 0;                                                                          \
    for (; i + 16 <= n; i += 16)                                                             \
      v16_store(dx + i, backward(v16_load(dy + i), v16_load(x + i)));                        \
    if (i < n) {                                                                             \
      const v16 d = v16_load_part(dy + i, n - i, 0), v = v16_load_part(x + i, n - i, 0);     \
      v16_store_part(dx + i, backward(d, v), n - i);                                         \
    }                                                                                        \
  }                                                                                          \
  CTK_KERNEL(                                                                                \
      name##_backward, (const float *dy, const float *x, float *dx, intptr_t n),             \
      (dy, x, dx, n))

// The comparison is x < 0 rather than x > 0, so that NaN passes through and is detected later.
CTK_INLINE v16 relu(v16 x) { return v16_select((m16)(x < v16_all(0)), v16_all(0), x); }
CTK_INLINE v16 relu_back(v16 dy, v16 x) {
  return v16_select((m16)(x > v16_all(0)), dy, v16_all(0));
}
CTK_ACTIVATION(ctk_relu, relu, relu_back)

/// Returns e^(−x²/2) and writes Φ(x) to *phi. Φ(−|x|) = ½·p(t)·e^(−x²/2), t = 1/(1 +
/// 0.3275911·|x|/√2), with polynomial 7.1.26 of Abramowitz and Stegun: the error is at most
/// 1.5·10⁻⁷, and the tails decay like those of Φ.
CTK_INLINE v16 normal_distribution(v16 x, v16 *phi) {
  const v16 bell = v16_exp(x * x * v16_all(-0.5f));
  const v16 size = v16_select((m16)(x < v16_all(0)), -x, x);
  const v16 t = v16_all(1) / (v16_all(1) + v16_all(0.3275911f * 0.70710678f) * size);
  v16 p = v16_all(1.061405429f);
  p = p * t + v16_all(-1.453152027f);
  p = p * t + v16_all(1.421413741f);
  p = p * t + v16_all(-0.284496736f);
  p = p * t + v16_all(0.254829592f);
  const v16 tail = v16_all(0.5f) * p * t * bell;
  *phi = v16_select((m16)(x < v16_all(0)), tail, v16_all(1) - tail);
  return bell;
}

CTK_INLINE v16 gelu(v16 x) {
  v16 phi;
  normal_distribution(x, &phi);
  return x * phi;
}
CTK_INLINE v16 gelu_back(v16 dy, v16 x) {
  v16 phi;
  const v16 bell = normal_distribution(x, &phi);
  return dy * (phi + x * bell * v16_all(0.39894228f));
}
CTK_ACTIVATION(ctk_gelu, gelu, gelu_back)

void ctk_relu_ref(const float *x, float *y, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) y[i] = x[i] < 0 ? 0 : x[i];
}

void ctk_relu_backward_ref(const float *dy, const float *x, float *dx, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) dx[i] = x[i] > 0 ? dy[i] : 0;
}

void ctk_gelu_ref(const float *x, float *y, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) y[i] = (float)(x[i] * 0.5 * erfc(-x[i] * M_SQRT1_2));
}

void ctk_gelu_backward_ref(const float *dy, const float *x, float *dx, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) {
    const double v = x[i], bell = exp(-0.5 * v * v) * 0.5 * M_2_SQRTPI * M_SQRT1_2;
    dx[i] = (float)(dy[i] * (0.5 * erfc(-v * M_SQRT1_2) + v * bell));
  }
}
