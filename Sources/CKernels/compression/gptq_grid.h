// Vectors of rows, and the grids that weights are rounded to, for gptq_block.c.
#pragma once
#include <string.h>

#include "gptq_block.h"

// Every function that passes vectors is inlined, so that no vector ever crosses a call.
#pragma clang diagnostic ignored "-Wpsabi"

// The tile is kept transposed, [columns][64 rows], so that every step of the column loop is a
// vector operation over rows. Sixteen rows share a vector; the compiler splits it where registers
// are narrower.
#define R CTK_GPTQ_ROWS
#define LANES 16
#define VECTORS (R / LANES)
#define INLINE static inline __attribute__((always_inline))

// `aligned(4)`: the scratch space is a plain float array.
typedef float vf __attribute__((vector_size(64), aligned(4)));
typedef int32_t vi __attribute__((vector_size(64), aligned(4)));
typedef uint32_t vu __attribute__((vector_size(64), aligned(4)));

INLINE vf splat(float x) { return (vf){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE vf min_vf(vf a, vf b) { return __builtin_elementwise_min(a, b); }
INLINE vf max_vf(vf a, vf b) { return __builtin_elementwise_max(a, b); }
INLINE vf select(vi mask, vf a, vf b) { return (vf)(((vi)a & mask) | ((vi)b & ~mask)); }

// To the nearest integer, ties to even, for |x| < 2^22: beyond 1.5·2^23 a float has no fraction
// bits.
INLINE vf round_even(vf x) {
  const vf magic = splat(12582912.0f);
  return (x + magic) - magic;
}

// ---- f16 scales: values that survive the way to the disk and back ----

// x >= 0 rounded to the nearest f16 value, at most 65504.
INLINE vf round_to_half(vf x) {
  vu bits = (vu)x;
  const vu odd = (bits >> 13) & 1u;
  const vf normal = (vf)((bits + 0xFFFu + odd) & ~0x1FFFu);
  // Below 2^-14 an f16 counts in steps of 2^-24, which is the spacing of floats in [0.5, 1).
  const vf subnormal = (x + splat(0.5f)) - splat(0.5f);
  return min_vf(select(x < splat(0x1p-14f), subnormal, normal), splat(65504.0f));
}

// The bits of a value that is exactly an f16, x >= 0.
INLINE uint16_t half_bits(float x) {
  uint32_t bits;
  if (x < 0x1p-14f) return (uint16_t)(x * 0x1p24f);
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)((bits >> 13) - (112u << 10));
}

INLINE float power_of_two(int32_t exponent) {
  const uint32_t bits = (uint32_t)(exponent + 127) << 23;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// ---- |x|^2.4, relative error below 1e-5 ----

INLINE vf power_2_4(vf x) {
  // log2 x = exponent + 2/ln2 · artanh((m - 1)/(m + 1)) with m in [sqrt ½, sqrt 2); the floor keeps
  // 0 finite.
  x = max_vf(x, splat(1e-12f));
  const vi shifted = (vi)x - 0x3f3504f3;
  const vi exponent = shifted >> 23;
  const vf m = (vf)((shifted & 0x7fffff) + 0x3f3504f3);
  const vf t = (m - 1.0f) / (m + 1.0f), t2 = t * t;
  const vf series = 1.0f + t2 * (1.0f / 3 + t2 * (1.0f / 5 + t2 * (1.0f / 7)));
  const vf log2x = __builtin_convertvector(exponent, vf) + 2.88539008f * t * series;
  // 2^(2.4 log2 x) = 2^n · e^(f ln2), |f| <= ½, by its Taylor series.
  const vf y = 2.4f * log2x;
  const vf n = round_even(y), f = (y - n) * 0.693147181f;
  const vf e = 1.0f + f * (1.0f + f * (0.5f + f * (1.0f / 6 + f * (1.0f / 24 + f * (1.0f / 120
      + f * (1.0f / 720))))));
  return e * (vf)((__builtin_convertvector(n, vi) + 127) << 23);
}

// ---- masks ----

// All bits set where a weight is dropped.
INLINE vi dropped_lanes(const uint8_t *dropped, int64_t position, int v) {
  typedef uint8_t b16 __attribute__((vector_size(16)));
  b16 bytes;
  memcpy(&bytes, dropped + position * R + v * LANES, 16);
  return __builtin_convertvector(bytes, vi) != 0;
}

// Sixteen rows of one column, 0 where dropped.
INLINE vf kept_weights(const float *rows, const uint8_t *dropped, int64_t position, int v) {
  const vf w = *(const vf *)(rows + position * R);
  return dropped ? (vf)((vi)w & ~dropped_lanes(dropped, position, v)) : w;
}

// ---- the grid ----

struct grid {
  vf scale, zero;
};

// Step and zero point for the range [low, high] (both include 0); a range that is empty or vanishes
// in f16 gets scale 0, so that all its weights decode to 0.
INLINE struct grid make_grid(const struct ctk_gptq_layer *p, vf low, vf high, float to_stored,
                             float from_stored) {
  const float top = (float)((1 << p->bits) - 1);
  struct grid g;
  if (p->symmetric) {
    const float half = (float)(1 << (p->bits - 1));
    const vf extent = max_vf(-low, high);
    g.scale = round_to_half(extent / (half - 0.5f) * to_stored) * from_stored;
    g.zero = splat(half);
  } else {
    g.scale = round_to_half((high - low) / top * to_stored) * from_stored;
    const vf divisor = select(g.scale > splat(0), g.scale, splat(__builtin_inff()));
    g.zero = round_even(min_vf(-low / divisor, splat(top)));
  }
  return g;
}

// Fits the grid of the original columns first..<end, sixteen rows at a time. What is dropped (`dropped`
// by solving position; NULL: nothing) needs no place on the grid.
INLINE void fit_group(const struct ctk_gptq_layer *p, const float *tile, const uint8_t *dropped,
                      int32_t first, int32_t end, float *scale, float *zero) {
  const float to_stored = power_of_two(-p->scale_exponent);
  const float from_stored = power_of_two(p->scale_exponent);
  const float top = (float)((1 << p->bits) - 1);
  for (int v = 0; v < VECTORS; v++) {
    const float *rows = tile + v * LANES;
    vf low = splat(0), high = splat(0);
    for (int32_t c = first; c < end; c++) {
      const vf w = kept_weights(rows, dropped, p->position[c], v);
      low = min_vf(low, w);
      high = max_vf(high, w);
    }
    struct grid best = make_grid(p, low, high, to_stored, from_stored);
    // Errors are counted in steps of the full range, so that tiny weights don't vanish in the
    // powers.
    const vf unit = 1.0f / select(best.scale > splat(0), best.scale, splat(1));
    vf best_error = splat(__builtin_inff());
    for (int32_t step = 0; step < p->search_steps; step++) {
      const float shrink = 1.0f - (float)step / 100.0f;
      const struct grid g = make_grid(p, low * shrink, high * shrink, to_stored, from_stored);
      const vf inverse = 1.0f / select(g.scale > splat(0), g.scale, splat(__builtin_inff()));
      const vf bottom = -g.zero, ceiling = top - g.zero;
      vf error = splat(0);
      for (int32_t c = first; c < end; c++) {
        // A dropped weight counts as 0, which every grid has: it adds nothing.
        const vf w = kept_weights(rows, dropped, p->position[c], v);
        const vf q = round_even(min_vf(max_vf(w * inverse, bottom), ceiling));
        const vf distance = (w - q * g.scale) * unit;
        const vf cost = p->search_power_2_4 ? power_2_4(max_vf(distance, -distance))
                                            : distance * distance;
        error += p->importance ? p->importance[c] * cost : cost;
      }
      const vi better = error < best_error;
      best.scale = select(better, g.scale, best.scale);
      best.zero = select(better, g.zero, best.zero);
      best_error = select(better, error, best_error);
    }
    *(vf *)(scale + v * LANES) = best.scale;
    *(vf *)(zero + v * LANES) = best.zero;
  }
}
