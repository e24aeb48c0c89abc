#pragma once
#include <stdint.h>

/// b += a
void ctk_add(const float *a, float *b, intptr_t n);
void ctk_add_ref(const float *a, float *b, intptr_t n);

/// b += s·a
void ctk_add_scaled(const float *a, float s, float *b, intptr_t n);
void ctk_add_scaled_ref(const float *a, float s, float *b, intptr_t n);

/// a *= s
void ctk_scale(float *a, float s, intptr_t n);
void ctk_scale_ref(float *a, float s, intptr_t n);

/// *sum = Σ a², summed in double precision in sixteen lanes.
void ctk_sum_of_squares(const float *a, intptr_t n, double *sum);
void ctk_sum_of_squares_ref(const float *a, intptr_t n, double *sum);

/// y = eˣ by the kernels' approximation (v16_exp in vectors.h); the twin calls the C library.
void ctk_exp(const float *x, float *y, intptr_t n);
void ctk_exp_ref(const float *x, float *y, intptr_t n);

/// a[i·stride + j] *= s[i], for rows i of a [rows, n].
void ctk_scale_rows(float *a, intptr_t stride, intptr_t rows, intptr_t n, const float *s);
void ctk_scale_rows_ref(float *a, intptr_t stride, intptr_t rows, intptr_t n, const float *s);
