#include "masked_least_squares.h"

#include "fused.h"
#include "vectors.h"

/// The sum of sixteen lanes, added in the order 0, 1, … 15.
CTK_INLINE double sum_in_order(const double lanes[16]) {
  double sum = 0;
  for (int lane = 0; lane < 16; lane++) sum += lanes[lane];
  return sum;
}

/// The dot product a·b, summed in sixteen lanes; the remainder of n modulo 16 goes into the first
/// lane.
CTK_INLINE double dot(const float *a, const float *b, intptr_t n) {
  d16 total = {0};
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) total += d16_of(v16_load(a + i)) * d16_of(v16_load(b + i));
  double lanes[16];
  memcpy(lanes, &total, sizeof lanes);
  for (; i < n; i++) lanes[0] += (double)a[i] * (double)b[i];
  return sum_in_order(lanes);
}

/// Σ residual²/H_cc, summed in the order of `dot`.
CTK_INLINE double energy_of(const float *residual, const float *inverse, intptr_t n) {
  d16 total = {0};
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const d16 r = d16_of(v16_load(residual + i));
    total += r * r * d16_of(v16_load(inverse + i));
  }
  double lanes[16];
  memcpy(lanes, &total, sizeof lanes);
  for (; i < n; i++)
    lanes[0] += (double)residual[i] * (double)residual[i] * (double)inverse[i];
  return sum_in_order(lanes);
}

// Plain at every level: it runs once per row, the step many times.
void ctk_masked_least_squares_begin(
    const uint8_t *kept, const float *inverse_diagonal, intptr_t n, float *residual,
    float *direction, double *energy) {
  for (intptr_t i = 0; i < n; i++) {
    residual[i] = kept[i] ? residual[i] : 0;
    direction[i] = residual[i] * inverse_diagonal[i];
  }
  *energy = energy_of(residual, inverse_diagonal, n);
}

CTK_INLINE void body_of_ctk_masked_least_squares_step(
    const uint8_t *kept, const float *inverse_diagonal, const float *product, intptr_t n, float *w,
    float *residual, float *direction, double *energy) {
  const double curvature = dot(direction, product, n);
  // The minimum is reached to float32's precision.
  if (!(curvature > 0) || !(*energy > 0)) return;
  const float alpha = (float)(*energy / curvature);
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) {
    v16_store(w + i, v16_load(w + i) + alpha * v16_load(direction + i));
    const v16 moved = v16_load(residual + i) - alpha * v16_load(product + i);
    const m16 stays = m16_load_bytes(kept + i) != 0;
    v16_store(residual + i, (v16)((m16)moved & stays));
  }
  for (; i < n; i++) {
    w[i] += alpha * direction[i];
    residual[i] = kept[i] ? residual[i] - alpha * product[i] : 0;
  }
  const double next = energy_of(residual, inverse_diagonal, n);
  const float beta = (float)(next / *energy);
  for (i = 0; i + 16 <= n; i += 16)
    v16_store(
        direction + i,
        v16_load(residual + i) * v16_load(inverse_diagonal + i) + beta * v16_load(direction + i));
  for (; i < n; i++) direction[i] = residual[i] * inverse_diagonal[i] + beta * direction[i];
  *energy = next;
}
CTK_KERNEL(
    ctk_masked_least_squares_step,
    (const uint8_t *kept, const float *inverse_diagonal, const float *product, intptr_t n,
     float *w, float *residual, float *direction, double *energy),
    (kept, inverse_diagonal, product, n, w, residual, direction, energy))

void ctk_masked_least_squares_step_ref(
    const uint8_t *kept, const float *inverse_diagonal, const float *product, intptr_t n, float *w,
    float *residual, float *direction, double *energy) {
#pragma STDC FP_CONTRACT OFF
  double curvature[16] = {0}, next[16] = {0};
  for (intptr_t i = 0; i < n; i++)
    curvature[i < n / 16 * 16 ? i % 16 : 0] += (double)direction[i] * (double)product[i];
  if (!(sum_in_order(curvature) > 0) || !(*energy > 0)) return;
  const float alpha = (float)(*energy / sum_in_order(curvature));
  for (intptr_t i = 0; i < n; i++) {
    w[i] = multiply_add(alpha, direction[i], w[i]);
    residual[i] = kept[i] ? multiply_add(-alpha, product[i], residual[i]) : 0;
    const double r = residual[i];
    double *lane = &next[i < n / 16 * 16 ? i % 16 : 0];
    *lane = multiply_add_double(r * r, inverse_diagonal[i], *lane);
  }
  const float beta = (float)(sum_in_order(next) / *energy);
  for (intptr_t i = 0; i < n; i++)
    direction[i] = multiply_add(residual[i], inverse_diagonal[i], beta * direction[i]);
  *energy = sum_in_order(next);
}
