#pragma once
#include <stdint.h>

/// y = x·r·gain with r = 1/√(mean x² + epsilon), for one row of d values; *inverse = r. Sums are
/// float32 in sixteen lanes, float64 where they overflow; the relative error of r is below
/// (d/16 + 5)·2⁻²⁴.
void ctk_rms_norm(
    const float *x, const float *gain, float epsilon, float *y, float *inverse, intptr_t d);
void ctk_rms_norm_ref(
    const float *x, const float *gain, float epsilon, float *y, float *inverse, intptr_t d);

/// dx (+)= r·gain·dy − x·r³/d·Σ gain·dy·x. Adds to dx unless `accumulate` is 0.
void ctk_rms_norm_backward(
    const float *dy, const float *x, const float *gain, float inverse, float *dx, int accumulate,
    intptr_t d);
void ctk_rms_norm_backward_ref(
    const float *dy, const float *x, const float *gain, float inverse, float *dx, int accumulate,
    intptr_t d);
