// The gated activation of LLaMA's feed-forward layer, Shazeer, arXiv 2002.05202.
#include "swiglu.h"

#include <math.h>

#include "vectors.h"

/// The logistic function 1/(1 + e⁻ˣ). For x < −88.72 the result is 1/(1 + e^88.72); true values
/// below x = −87.3 are less than 2⁻¹²⁶.
CTK_INLINE v16 sigmoid(v16 x) { return v16_all(1) / (v16_all(1) + v16_exp(-x)); }

CTK_INLINE v16 product(v16 gate, v16 up) { return gate * sigmoid(gate) * up; }

CTK_INLINE void body_of_ctk_swiglu(const float *gate, const float *up, float *h, intptr_t n) {
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) v16_store(h + i, product(v16_load(gate + i), v16_load(up + i)));
  if (i < n) {
    v16 g = v16_load_part(gate + i, n - i, 0), u = v16_load_part(up + i, n - i, 0);
    v16_store_part(h + i, product(g, u), n - i);
  }
}
CTK_KERNEL(
    ctk_swiglu, (const float *gate, const float *up, float *h, intptr_t n), (gate, up, h, n))

void ctk_swiglu_ref(const float *gate, const float *up, float *h, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) {
    const double g = gate[i];
    h[i] = (float)(g / (1 + exp(-g)) * up[i]);
  }
}

CTK_INLINE void backward(v16 dh, v16 g, v16 u, v16 *d_gate, v16 *d_up) {
  const v16 s = sigmoid(g);
  *d_up = dh * g * s;
  *d_gate = dh * u * s * (v16_all(1) + g * (v16_all(1) - s));
}

CTK_INLINE void body_of_ctk_swiglu_backward(
    const float *dh, const float *gate, const float *up, float *d_gate, float *d_up, intptr_t n) {
  intptr_t i = 0;
  v16 a, b;
  for (; i + 16 <= n; i += 16) {
    backward(v16_load(dh + i), v16_load(gate + i), v16_load(up + i), &a, &b);
    v16_store(d_gate + i, a);
    v16_store(d_up + i, b);
  }
  if (i < n) {
    const intptr_t rest = n - i;
    backward(
        v16_load_part(dh + i, rest, 0), v16_load_part(gate + i, rest, 0),
        v16_load_part(up + i, rest, 0), &a, &b);
    v16_store_part(d_gate + i, a, rest);
    v16_store_part(d_up + i, b, rest);
  }
}
CTK_KERNEL(
    ctk_swiglu_backward,
    (const float *dh, const float *gate, const float *up, float *d_gate, float *d_up, intptr_t n),
    (dh, gate, up, d_gate, d_up, n))

void ctk_swiglu_backward_ref(
    const float *dh, const float *gate, const float *up, float *d_gate, float *d_up, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) {
    const double g = gate[i], u = up[i], d = dh[i], s = 1 / (1 + exp(-g));
    d_up[i] = (float)(d * g * s);
    d_gate[i] = (float)(d * u * s * (1 + g * (1 - s)));
  }
}
