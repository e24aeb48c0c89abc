#pragma once
#include <stdint.h>

/// Turns one row of `heads` heads of 2·half values in place: with a = x[i], b = x[half + i] of each
/// head, x[i] = a·cos[i] − b·sin[i] and x[half + i] = b·cos[i] + a·sin[i]; backwards (sin negated)
/// where `inverse` isn't 0.
void ctk_rotary(
    float *x, const float *cosines, const float *sines, intptr_t heads, intptr_t half, int inverse);
void ctk_rotary_ref(
    float *x, const float *cosines, const float *sines, intptr_t heads, intptr_t half, int inverse);
