#pragma once
#include <stdint.h>

/// One row of d values: y = x·r·gain with r = 1/√(mean x² + epsilon); *inverse = r.
/// Sums in float32, sixteen lanes: relative error of r below (d/16 + 5)·2⁻²⁴.
void ctk_rms_norm(
    const float *x, const float *gain, float epsilon, float *y, float *inverse, intptr_t d);
void ctk_rms_norm_ref(
    const float *x, const float *gain, float epsilon, float *y, float *inverse, intptr_t d);

/// dx (+)= r·gain·dy − x·r³/d·Σ gain·dy·x; added to dx where `accumulate` isn't 0.
void ctk_rms_norm_backward(
    const float *dy, const float *x, const float *gain, float inverse, float *dx, int accumulate,
    intptr_t d);
void ctk_rms_norm_backward_ref(
    const float *dy, const float *x, const float *gain, float inverse, float *dx, int accumulate,
    intptr_t d);
