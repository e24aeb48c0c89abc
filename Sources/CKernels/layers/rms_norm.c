// Root-mean-square normalisation, Zhang and Sennrich, arXiv 1910.07467.
#include "rms_norm.h"

#include <math.h>

#include "vectors.h"

CTK_INLINE void body_of_ctk_rms_norm(
    const float *x, const float *gain, float epsilon, float *y, float *inverse, intptr_t d) {
  v16 squares = {0};
  intptr_t i = 0;
  for (; i + 16 <= d; i += 16) squares += v16_load(x + i) * v16_load(x + i);
  if (i < d) {
    v16 rest = v16_load_part(x + i, d - i, 0);
    squares += rest * rest;
  }
  const float sum = v16_sum(squares);
  // Squares of numbers from 10¹⁹ on overflow, and the row would become 0.
  if (!(sum < INFINITY)) {
    ctk_rms_norm_ref(x, gain, epsilon, y, inverse, d);
    return;
  }
  const float r = 1.0f / sqrtf(sum / (float)d + epsilon);
  for (i = 0; i + 16 <= d; i += 16)
    v16_store(y + i, v16_load(x + i) * v16_all(r) * v16_load(gain + i));
  for (; i < d; i++) y[i] = x[i] * r * gain[i];
  *inverse = r;
}
CTK_KERNEL(
    ctk_rms_norm,
    (const float *x, const float *gain, float epsilon, float *y, float *inverse, intptr_t d),
    (x, gain, epsilon, y, inverse, d))

void ctk_rms_norm_ref(
    const float *x, const float *gain, float epsilon, float *y, float *inverse, intptr_t d) {
  double squares = 0;
  for (intptr_t i = 0; i < d; i++) squares += (double)x[i] * x[i];
  const double r = 1 / sqrt(squares / (double)d + epsilon);
  for (intptr_t i = 0; i < d; i++) y[i] = (float)(x[i] * r * gain[i]);
  *inverse = (float)r;
}

CTK_INLINE void body_of_ctk_rms_norm_backward(
    const float *dy, const float *x, const float *gain, float inverse, float *dx, int accumulate,
    intptr_t d) {
  v16 products = {0};
  intptr_t i = 0;
  for (; i + 16 <= d; i += 16)
    products += v16_load(dy + i) * v16_load(gain + i) * v16_load(x + i);
  if (i < d)
    products += v16_load_part(dy + i, d - i, 0) * v16_load_part(gain + i, d - i, 0) *
                v16_load_part(x + i, d - i, 0);
  const float pull = v16_sum(products) * inverse * inverse * inverse / (float)d;
  for (i = 0; i + 16 <= d; i += 16) {
    v16 g = v16_load(dy + i) * v16_load(gain + i) * v16_all(inverse);
    g -= v16_load(x + i) * v16_all(pull);
    if (accumulate) g += v16_load(dx + i);
    v16_store(dx + i, g);
  }
  for (; i < d; i++) {
    float g = dy[i] * gain[i] * inverse - x[i] * pull;
    dx[i] = accumulate ? dx[i] + g : g;
  }
}
CTK_KERNEL(
    ctk_rms_norm_backward,
    (const float *dy, const float *x, const float *gain, float inverse, float *dx, int accumulate,
     intptr_t d),
    (dy, x, gain, inverse, dx, accumulate, d))

void ctk_rms_norm_backward_ref(
    const float *dy, const float *x, const float *gain, float inverse, float *dx, int accumulate,
    intptr_t d) {
  double products = 0;
  for (intptr_t i = 0; i < d; i++) products += (double)dy[i] * gain[i] * x[i];
  const double r = inverse;
  for (intptr_t i = 0; i < d; i++) {
    double g = dy[i] * r * gain[i] - x[i] * r * r * r / (double)d * products;
    dx[i] = (float)(accumulate ? dx[i] + g : g);
  }
}
