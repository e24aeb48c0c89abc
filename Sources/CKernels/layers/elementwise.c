#include "elementwise.h"

#include <math.h>

#include "vectors.h"

CTK_INLINE void body_of_ctk_add(const float *a, float *b, intptr_t n) {
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) v16_store(b + i, v16_load(b + i) + v16_load(a + i));
  for (; i < n; i++) b[i] += a[i];
}
CTK_KERNEL(ctk_add, (const float *a, float *b, intptr_t n), (a, b, n))

void ctk_add_ref(const float *a, float *b, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) b[i] += a[i];
}

CTK_INLINE void body_of_ctk_add_scaled(const float *a, float s, float *b, intptr_t n) {
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) v16_store(b + i, v16_load(b + i) + v16_all(s) * v16_load(a + i));
  for (; i < n; i++) b[i] += s * a[i];
}
CTK_KERNEL(ctk_add_scaled, (const float *a, float s, float *b, intptr_t n), (a, s, b, n))

void ctk_add_scaled_ref(const float *a, float s, float *b, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) b[i] += s * a[i];
}

CTK_INLINE void body_of_ctk_scale(float *a, float s, intptr_t n) {
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) v16_store(a + i, v16_load(a + i) * v16_all(s));
  for (; i < n; i++) a[i] *= s;
}
CTK_KERNEL(ctk_scale, (float *a, float s, intptr_t n), (a, s, n))

void ctk_scale_ref(float *a, float s, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) a[i] *= s;
}

CTK_INLINE void body_of_ctk_scale_rows(
    float *a, intptr_t stride, intptr_t rows, intptr_t n, const float *s) {
  for (intptr_t i = 0; i < rows; i++)
    if (s[i] != 1) body_of_ctk_scale(a + i * stride, s[i], n);
}
CTK_KERNEL(
    ctk_scale_rows, (float *a, intptr_t stride, intptr_t rows, intptr_t n, const float *s),
    (a, stride, rows, n, s))

void ctk_scale_rows_ref(float *a, intptr_t stride, intptr_t rows, intptr_t n, const float *s) {
  for (intptr_t i = 0; i < rows; i++)
    for (intptr_t j = 0; j < n; j++) a[i * stride + j] *= s[i];
}

CTK_INLINE void body_of_ctk_sum_of_squares(const float *a, intptr_t n, double *sum) {
  double lanes[16] = {0};
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (int j = 0; j < 16; j++) lanes[j] += (double)a[i + j] * (double)a[i + j];
  for (int j = 0; i < n; i++, j++) lanes[j] += (double)a[i] * (double)a[i];
  for (int width = 8; width > 0; width /= 2)
    for (int j = 0; j < width; j++) lanes[j] += lanes[j + width];
  *sum = lanes[0];
}
CTK_KERNEL(ctk_sum_of_squares, (const float *a, intptr_t n, double *sum), (a, n, sum))

void ctk_sum_of_squares_ref(const float *a, intptr_t n, double *sum) {
  *sum = 0;
  for (intptr_t i = 0; i < n; i++) *sum += (double)a[i] * (double)a[i];
}

CTK_INLINE void body_of_ctk_exp(const float *x, float *y, intptr_t n) {
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) v16_store(y + i, v16_exp(v16_load(x + i)));
  if (i < n) v16_store_part(y + i, v16_exp(v16_load_part(x + i, n - i, 0)), n - i);
}
CTK_KERNEL(ctk_exp, (const float *x, float *y, intptr_t n), (x, y, n))

void ctk_exp_ref(const float *x, float *y, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) y[i] = expf(x[i]);
}
