// Layer normalisation, Ba, Kiros and Hinton, arXiv 1607.06450.
#include "layer_norm.h"

#include <math.h>

#include "vectors.h"

CTK_INLINE void body_of_ctk_layer_norm(
    const float *x, const float *gain, const float *bias, float epsilon, float *y, float *mean,
    float *inverse, intptr_t d) {
  v16 sums = {0};
  intptr_t i = 0;
  for (; i + 16 <= d; i += 16) sums += v16_load(x + i);
  if (i < d) sums += v16_load_part(x + i, d - i, 0);
  const float m = v16_sum(sums) / (float)d;

  v16 squares = {0};
  for (i = 0; i + 16 <= d; i += 16) {
    const v16 left = v16_load(x + i) - v16_all(m);
    squares += left * left;
  }
  if (i < d) {
    // Padded with the mean, so that padding contributes 0.
    const v16 left = v16_load_part(x + i, d - i, m) - v16_all(m);
    squares += left * left;
  }
  const float sum = v16_sum(squares);
  // Squares of numbers from 10¹⁹ on overflow, and the row would become its bias.
  if (!(sum < INFINITY)) {
    ctk_layer_norm_ref(x, gain, bias, epsilon, y, mean, inverse, d);
    return;
  }
  const float r = 1.0f / sqrtf(sum / (float)d + epsilon);
  for (i = 0; i + 16 <= d; i += 16) {
    const v16 n = (v16_load(x + i) - v16_all(m)) * v16_all(r);
    v16_store(y + i, n * v16_load(gain + i) + v16_load(bias + i));
  }
  for (; i < d; i++) y[i] = (x[i] - m) * r * gain[i] + bias[i];
  *mean = m;
  *inverse = r;
}
CTK_KERNEL(
    ctk_layer_norm,
    (const float *x, const float *gain, const float *bias, float epsilon, float *y, float *mean,
     float *inverse, intptr_t d),
    (x, gain, bias, epsilon, y, mean, inverse, d))

void ctk_layer_norm_ref(
    const float *x, const float *gain, const float *bias, float epsilon, float *y, float *mean,
    float *inverse, intptr_t d) {
  double sum = 0, squares = 0;
  for (intptr_t i = 0; i < d; i++) sum += x[i];
  const double m = sum / (double)d;
  for (intptr_t i = 0; i < d; i++) squares += (x[i] - m) * (x[i] - m);
  const double r = 1 / sqrt(squares / (double)d + epsilon);
  for (intptr_t i = 0; i < d; i++) y[i] = (float)((x[i] - m) * r * gain[i] + bias[i]);
  *mean = (float)m;
  *inverse = (float)r;
}

CTK_INLINE void body_of_ctk_layer_norm_backward(
    const float *dy, const float *x, const float *gain, float mean, float inverse, float *dx,
    int accumulate, intptr_t d) {
  const v16 m = v16_all(mean), r = v16_all(inverse);
  v16 sums = {0}, products = {0};
  intptr_t i = 0;
  for (; i + 16 <= d; i += 16) {
    const v16 g = v16_load(dy + i) * v16_load(gain + i);
    sums += g;
    products += g * (v16_load(x + i) - m) * r;
  }
  if (i < d) {
    const v16 g = v16_load_part(dy + i, d - i, 0) * v16_load_part(gain + i, d - i, 0);
    sums += g;
    products += g * (v16_load_part(x + i, d - i, 0) - m) * r;
  }
  const float shift = v16_sum(sums) / (float)d;
  const float pull = v16_sum(products) / (float)d;
  for (i = 0; i + 16 <= d; i += 16) {
    const v16 n = (v16_load(x + i) - m) * r;
    v16 g = (v16_load(dy + i) * v16_load(gain + i) - v16_all(shift) - n * v16_all(pull)) * r;
    if (accumulate) g += v16_load(dx + i);
    v16_store(dx + i, g);
  }
  for (; i < d; i++) {
    const float n = (x[i] - mean) * inverse;
    const float g = (dy[i] * gain[i] - shift - n * pull) * inverse;
    dx[i] = accumulate ? dx[i] + g : g;
  }
}
CTK_KERNEL(
    ctk_layer_norm_backward,
    (const float *dy, const float *x, const float *gain, float mean, float inverse, float *dx,
     int accumulate, intptr_t d),
    (dy, x, gain, mean, inverse, dx, accumulate, d))

void ctk_layer_norm_backward_ref(
    const float *dy, const float *x, const float *gain, float mean, float inverse, float *dx,
    int accumulate, intptr_t d) {
  double sum = 0, products = 0;
  const double m = mean, r = inverse;
  for (intptr_t i = 0; i < d; i++) {
    sum += (double)dy[i] * gain[i];
    products += (double)dy[i] * gain[i] * (x[i] - m) * r;
  }
  for (intptr_t i = 0; i < d; i++) {
    const double n = (x[i] - m) * r;
    const double g = r * ((double)dy[i] * gain[i] - sum / (double)d - n * products / (double)d);
    dx[i] = (float)(accumulate ? dx[i] + g : g);
  }
}
