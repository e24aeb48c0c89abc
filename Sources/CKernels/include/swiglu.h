#pragma once
#include <stdint.h>

/// h = gate·σ(gate)·up, at most 3 ulp off where |gate| < 87.
void ctk_swiglu(const float *gate, const float *up, float *h, intptr_t n);
void ctk_swiglu_ref(const float *gate, const float *up, float *h, intptr_t n);

/// dUp = dh·gate·σ(gate), dGate = dh·up·σ(gate)·(1 + gate·(1 − σ(gate))). Either output may be the
/// memory of any input.
void ctk_swiglu_backward(
    const float *dh, const float *gate, const float *up, float *d_gate, float *d_up, intptr_t n);
void ctk_swiglu_backward_ref(
    const float *dh, const float *gate, const float *up, float *d_gate, float *d_up, intptr_t n);
