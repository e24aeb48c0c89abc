#pragma once
#include <stdint.h>

/// y = (x − mean)·r·gain + bias with r = 1/√(variance + epsilon), for one row of d values. *mean
/// and *inverse = r are written for the backward pass. y may be x. The variance is summed after the
/// mean is subtracted, so that a large mean costs no precision; sums are float32 in sixteen lanes,
/// float64 where they overflow.
void ctk_layer_norm(
    const float *x, const float *gain, const float *bias, float epsilon, float *y, float *mean,
    float *inverse, intptr_t d);
void ctk_layer_norm_ref(
    const float *x, const float *gain, const float *bias, float epsilon, float *y, float *mean,
    float *inverse, intptr_t d);

/// dx (+)= r·(g − Σ g/d − n·Σ g·n/d) with g = gain·dy and n = (x − mean)·r. Adds to dx unless
/// `accumulate` is 0; only if it is 0, dx may be dy.
void ctk_layer_norm_backward(
    const float *dy, const float *x, const float *gain, float mean, float inverse, float *dx,
    int accumulate, intptr_t d);
void ctk_layer_norm_backward_ref(
    const float *dy, const float *x, const float *gain, float mean, float inverse, float *dx,
    int accumulate, intptr_t d);
