#pragma once
#include <stdint.h>

// One row of the least-squares problem min (w − w₀) H (w − w₀)ᵀ over the kept columns, solved by
// conjugate gradients with H's diagonal as preconditioner. All arrays have n elements.
//
//   kept              1 = kept, 0 = dropped
//   residual          (w₀ − w)·H, 0 where dropped
//   direction         the direction p of the next step
//   product           p·H
//   inverse_diagonal  1/H_cc
//   *energy           Σ residual²/H_cc, carried from call to call

/// Clears the dropped columns of `residual` and writes the first direction and energy.
void ctk_masked_least_squares_begin(
    const uint8_t *kept, const float *inverse_diagonal, intptr_t n, float *residual,
    float *direction, double *energy);

/// Advances w, residual, direction and energy by one step; changes nothing at the minimum.
void ctk_masked_least_squares_step(
    const uint8_t *kept, const float *inverse_diagonal, const float *product, intptr_t n, float *w,
    float *residual, float *direction, double *energy);
void ctk_masked_least_squares_step_ref(
    const uint8_t *kept, const float *inverse_diagonal, const float *product, intptr_t n, float *w,
    float *residual, float *direction, double *energy);
