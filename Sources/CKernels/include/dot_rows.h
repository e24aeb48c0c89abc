#pragma once
#include <stdint.h>

/// y[j·ldy] (+)= Σ_i w[i]·x[j·ldx + i] for j in 0..<m, i in 0..<k: the dot products of one weight
/// row with a few rows of x, for decoding token by token in float32. Adds to y unless `accumulate`
/// is 0.
void ctk_dot_rows(
    const float *w, const float *x, intptr_t ldx, intptr_t m, intptr_t k, float *y, intptr_t ldy,
    int accumulate);
void ctk_dot_rows_ref(
    const float *w, const float *x, intptr_t ldx, intptr_t m, intptr_t k, float *y, intptr_t ldy,
    int accumulate);
