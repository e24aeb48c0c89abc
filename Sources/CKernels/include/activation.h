#pragma once
#include <stdint.h>

/// y = max(x, 0); NaN stays NaN. y may be x.
void ctk_relu(const float *x, float *y, intptr_t n);
void ctk_relu_ref(const float *x, float *y, intptr_t n);

/// dx = dy where x > 0, else 0. dx may be dy or x.
void ctk_relu_backward(const float *dy, const float *x, float *dx, intptr_t n);
void ctk_relu_backward_ref(const float *dy, const float *x, float *dx, intptr_t n);

/// y = x·Φ(x), where Φ is the cumulative distribution function of the standard normal distribution;
/// the error is at most 4·10⁻⁷·max(1, |x|). y may be x.
void ctk_gelu(const float *x, float *y, intptr_t n);
void ctk_gelu_ref(const float *x, float *y, intptr_t n);

/// dx = dy·(Φ(x) + x·φ(x)), where φ is the density of Φ. dx may be dy or x.
void ctk_gelu_backward(const float *dy, const float *x, float *dx, intptr_t n);
void ctk_gelu_backward_ref(const float *dy, const float *x, float *dx, intptr_t n);
