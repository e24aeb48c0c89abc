#pragma once
#include <stdint.h>

/// Applies rotary position embedding in place to one row of `heads` heads of 2·half values: with
/// a = x[i] and b = x[half + i] of a head, x[i] = a·cos[i] − b·sin[i] and
/// x[half + i] = b·cos[i] + a·sin[i]. If `inverse` isn't 0, it rotates back (sin negated).
void ctk_rotary(
    float *x, const float *cosines, const float *sines, intptr_t heads, intptr_t half, int inverse);
void ctk_rotary_ref(
    float *x, const float *cosines, const float *sines, intptr_t heads, intptr_t half, int inverse);
