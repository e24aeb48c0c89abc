#pragma once
#include <stdint.h>

/// h = gate·σ(gate)·up, with an error of at most 3 ulp for |gate| < 87. h may be gate or up.
void ctk_swiglu(const float *gate, const float *up, float *h, intptr_t n);
void ctk_swiglu_ref(const float *gate, const float *up, float *h, intptr_t n);

/// d_up = dh·gate·σ(gate) and d_gate = dh·up·σ(gate)·(1 + gate·(1 − σ(gate))). Either output may
/// overwrite any input.
void ctk_swiglu_backward(
    const float *dh, const float *gate, const float *up, float *d_gate, float *d_up, intptr_t n);
void ctk_swiglu_backward_ref(
    const float *dh, const float *gate, const float *up, float *d_gate, float *d_up, intptr_t n);
