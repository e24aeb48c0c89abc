#pragma once
#include <stdint.h>

/// y[j·ldy] (+)= Σ_k w[k]·x[j·ldx + k] for j in 0..<m: one weight row against a few inputs, for
/// decoding token by token. Added where `accumulate` isn't 0.
void ctk_dot_rows(
    const float *w, const float *x, intptr_t ldx, intptr_t m, intptr_t k, float *y, intptr_t ldy,
    int accumulate);
void ctk_dot_rows_ref(
    const float *w, const float *x, intptr_t ldx, intptr_t m, intptr_t k, float *y, intptr_t ldy,
    int accumulate);
