// Quantization grids, fitted for sixteen rows at a time.
#pragma once
#include "gptq_tile.h"

// ---- float16 scales: values that are stored without further rounding ----

/// x ≥ 0 rounded to the nearest float16 value, at most 65504.
CTK_INLINE v16 round_to_half(v16 x) {
  const m16 bits = (m16)x, odd = (bits >> 13) & 1;
  const v16 normal = (v16)((bits + 0xFFF + odd) & ~0x1FFF);
  // Below 2⁻¹⁴ float16 values are 2⁻²⁴ apart, which is the spacing of floats in [0.5, 1).
  const v16 subnormal = (x + v16_all(0.5f)) - v16_all(0.5f);
  return v16_min(
      v16_all(65504.0f), v16_select((m16)(x < v16_all(0x1p-14f)), subnormal, normal));
}

// ---- |x|^2.4, relative error below 1e-5 ----

CTK_INLINE v16 power_2_4(v16 x) {
  // log2 x = exponent + 2/ln 2 · artanh((m − 1)/(m + 1)) with m in [√½, √2); the floor keeps 0
  // finite.
  x = v16_max(v16_all(1e-12f), x);
  const m16 shifted = (m16)x - 0x3f3504f3;
  const m16 exponent = shifted >> 23;
  const v16 m = (v16)((shifted & 0x7fffff) + 0x3f3504f3);
  const v16 t = (m - 1.0f) / (m + 1.0f), t2 = t * t;
  const v16 series = 1.0f + t2 * (1.0f / 3 + t2 * (1.0f / 5 + t2 * (1.0f / 7)));
  const v16 log2x = __builtin_convertvector(exponent, v16) + 2.88539008f * t * series;
  // 2^(2.4 log2 x) = 2ⁿ · e^(f ln 2), |f| ≤ ½, by its Taylor series.
  const v16 y = 2.4f * log2x;
  const v16 n = v16_round_even(y), f = (y - n) * 0.693147181f;
  const v16 e = 1.0f + f * (1.0f + f * (0.5f + f * (1.0f / 6 + f * (1.0f / 24 + f * (1.0f / 120
      + f * (1.0f / 720))))));
  return e * (v16)((__builtin_convertvector(n, m16) + 127) << 23);
}

// ---- masks ----

/// All bits set where the weights of rows 16·v … 16·v + 15 in one column are dropped.
CTK_INLINE m16 dropped_lanes(const uint8_t *dropped, int64_t position, int v) {
  return m16_load_bytes(dropped + position * tile_rows + 16 * v) != 0;
}

/// The weights of rows 16·v … 16·v + 15 in one column, 0 where dropped.
CTK_INLINE v16 kept_weights(const float *weights, const uint8_t *dropped, int64_t position, int v) {
  const v16 w = v16_load(weights + position * tile_rows + 16 * v);
  return dropped ? (v16)((m16)w & ~dropped_lanes(dropped, position, v)) : w;
}

// ---- the grid ----

/// The grids of sixteen rows: steps and zero points.
struct grid {
  v16 scale, zero;
};

/// The grid for the range [low, high], which includes 0. A range that is empty or vanishes in
/// float16 gets scale 0, so that all its weights decode to 0.
CTK_INLINE struct grid make_grid(
    const struct ctk_gptq_layer *layer, v16 low, v16 high, float to_stored, float from_stored) {
  const float top = (float)((1 << layer->bits) - 1);
  struct grid g;
  if (layer->symmetric) {
    const float half = (float)(1 << (layer->bits - 1));
    const v16 extent = v16_max(high, -low);
    g.scale = round_to_half(extent / (half - 0.5f) * to_stored) * from_stored;
    g.zero = v16_all(half);
  } else {
    g.scale = round_to_half((high - low) / top * to_stored) * from_stored;
    const v16 divisor =
        v16_select((m16)(g.scale > v16_all(0)), g.scale, v16_all(__builtin_inff()));
    g.zero = v16_round_even(v16_min(v16_all(top), -low / divisor));
  }
  return g;
}

/// Fits the grids of the original columns first ..< end to the weights that aren't dropped
/// (`dropped` by solving position; NULL: none is).
CTK_INLINE void fit_group(
    const struct ctk_gptq_layer *layer, const float *weights, const uint8_t *dropped,
    int32_t first, int32_t end, float *scales, float *zeros) {
  const float to_stored = power_of_two(-layer->scale_exponent);
  const float from_stored = power_of_two(layer->scale_exponent);
  const float top = (float)((1 << layer->bits) - 1);
  for (int v = 0; v < tile_vectors; v++) {
    v16 low = v16_all(0), high = v16_all(0);
    for (int32_t c = first; c < end; c++) {
      const v16 w = kept_weights(weights, dropped, layer->position[c], v);
      low = v16_min(w, low);
      high = v16_max(w, high);
    }
    struct grid best = make_grid(layer, low, high, to_stored, from_stored);
    // Errors are measured in steps of the full range, so that powers of tiny ones don't underflow.
    const v16 unit =
        1.0f / v16_select((m16)(best.scale > v16_all(0)), best.scale, v16_all(1));
    v16 best_error = v16_all(__builtin_inff());
    for (int32_t step = 0; step < layer->search_steps; step++) {
      const float shrink = 1.0f - (float)step / 100.0f;
      const struct grid g = make_grid(layer, low * shrink, high * shrink, to_stored, from_stored);
      const v16 inverse =
          1.0f / v16_select((m16)(g.scale > v16_all(0)), g.scale, v16_all(__builtin_inff()));
      const v16 bottom = -g.zero, ceiling = top - g.zero;
      v16 error = v16_all(0);
      for (int32_t c = first; c < end; c++) {
        // A dropped weight is 0 here, which is on every grid, so it adds no error.
        const v16 w = kept_weights(weights, dropped, layer->position[c], v);
        const v16 q = v16_round_even(v16_min(ceiling, v16_max(bottom, w * inverse)));
        const v16 distance = (w - q * g.scale) * unit;
        const v16 cost = layer->search_power_2_4 ? power_2_4(v16_max(-distance, distance))
                                                 : distance * distance;
        error += layer->importance ? layer->importance[c] * cost : cost;
      }
      const m16 better = (m16)(error < best_error);
      best.scale = v16_select(better, g.scale, best.scale);
      best.zero = v16_select(better, g.zero, best.zero);
      best_error = v16_select(better, error, best_error);
    }
    v16_store(scales + 16 * v, best.scale);
    v16_store(zeros + 16 * v, best.zero);
  }
}
