#include "gptq_block.h"

#include <string.h>

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

// Fits the grid of the original columns first..<end, sixteen rows at a time.
INLINE void fit_group(const struct ctk_gptq_layer *p, const float *tile, int32_t first, int32_t end,
                      float *scale, float *zero) {
  const float to_stored = power_of_two(-p->scale_exponent);
  const float from_stored = power_of_two(p->scale_exponent);
  const float top = (float)((1 << p->bits) - 1);
  for (int v = 0; v < VECTORS; v++) {
    const float *rows = tile + v * LANES;
    vf low = splat(0), high = splat(0);
    for (int32_t c = first; c < end; c++) {
      const vf w = *(const vf *)(rows + (int64_t)p->position[c] * R);
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
        const vf w = *(const vf *)(rows + (int64_t)p->position[c] * R);
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

// ---- the column loop ----

// Columns later than the block: W[:, j] -= Σ_i U[i, j] · e_i over the block's columns, four j at a
// time.
INLINE void carry(const struct ctk_gptq_layer *p, float *tile, const float *errors, int32_t start,
                  int32_t end) {
  const int64_t n = p->columns;
  int32_t j = end;
  for (; j + 4 <= n; j += 4) {
    vf sum[4][VECTORS];
    for (int k = 0; k < 4; k++)
      for (int v = 0; v < VECTORS; v++)
        sum[k][v] = *(const vf *)(tile + (int64_t)(j + k) * R + v * LANES);
    for (int32_t i = start; i < end; i++) {
      const float *e = errors + (int64_t)(i - start) * R;
      const float *u = p->factor + i * n + j;
      for (int v = 0; v < VECTORS; v++) {
        const vf ev = *(const vf *)(e + v * LANES);
        for (int k = 0; k < 4; k++) sum[k][v] -= u[k] * ev;
      }
    }
    for (int k = 0; k < 4; k++)
      for (int v = 0; v < VECTORS; v++)
        *(vf *)(tile + (int64_t)(j + k) * R + v * LANES) = sum[k][v];
  }
  for (; j < n; j++) {
    for (int v = 0; v < VECTORS; v++) {
      vf sum = *(const vf *)(tile + (int64_t)j * R + v * LANES);
      for (int32_t i = start; i < end; i++)
        sum -= p->factor[i * n + j] * *(const vf *)(errors + (int64_t)(i - start) * R + v * LANES);
      *(vf *)(tile + (int64_t)j * R + v * LANES) = sum;
    }
  }
}

// One column: quantize, leave code and restored value in the tile's place, feed the error forward
// in the block.
INLINE void solve_column(const struct ctk_gptq_layer *p, float *tile, const float *scale,
                         const float *zero, float *codes, float *error, int32_t i, int32_t end,
                         double *sum, int64_t *clipped) {
  const float top = (float)((1 << p->bits) - 1);
  const float *u = p->factor ? p->factor + (int64_t)i * p->columns : 0;
  const float diagonal = u ? u[i] : 1.0f;
  float *column = tile + (int64_t)i * R;
  for (int v = 0; v < VECTORS; v++) {
    const vf w = *(const vf *)(column + v * LANES);
    const vf s = *(const vf *)(scale + v * LANES), z = *(const vf *)(zero + v * LANES);
    const vf steps = w / select(s > splat(0), s, splat(__builtin_inff()));
    const vf inside = min_vf(max_vf(steps, -z), top - z);
    const vf q = round_even(inside);
    const vf restored = q * s;
    const vf e = (w - restored) / diagonal;
    *(vf *)(error + v * LANES) = e;
    *(vf *)(codes + (int64_t)i * R + v * LANES) = q + z;
    *(vf *)(column + v * LANES) = restored;
    const vi outside = (steps - inside > splat(0.5f)) | (inside - steps > splat(0.5f));
    for (int lane = 0; lane < LANES; lane++) {
      sum[v * LANES + lane] += (double)e[lane] * (double)e[lane];
      *clipped -= outside[lane];
    }
  }
  if (!u) return;
  for (int32_t j = i + 1; j < end; j++)
    for (int v = 0; v < VECTORS; v++)
      *(vf *)(tile + (int64_t)j * R + v * LANES) -= u[j] * *(const vf *)(error + v * LANES);
}

// Where the block from `start` ends: 128 columns on, but never so that a group begins inside and
// reaches beyond. A group's grid is fitted at its first column and must see weights that carry
// *all* earlier errors.
INLINE int32_t block_end(const struct ctk_gptq_layer *p, int32_t start) {
  const int32_t width = p->group_width;
  int32_t end = start + CTK_GPTQ_BLOCK;
  if (end >= p->columns) return p->columns;
  if (p->static_groups || end % width == 0) return end;
  const int32_t last_group = end / width * width;
  return last_group > start ? last_group : end;
}

INLINE void solve_tile(const struct ctk_gptq_layer *p, const float *weights, int32_t rows,
                       float *scratch, uint8_t *codes, uint16_t *scales, uint8_t *zeros,
                       float *restored, struct ctk_gptq_sums *sums) {
  const int64_t n = p->columns, width = p->group_width, groups = (n + width - 1) / width;
  float *tile = scratch, *numbers = tile + n * R, *scale = numbers + n * R;
  float *zero = scale + groups * R, *errors = zero + groups * R;
  double error[R] = {0};
  int64_t clipped = 0;

  for (int64_t i = 0; i < n; i++)
    for (int32_t r = 0; r < R; r++)
      tile[i * R + r] = r < rows ? weights[r * n + p->order[i]] : 0.0f;
  if (p->static_groups)
    for (int64_t g = 0; g < groups; g++) {
      const int64_t end = (g + 1) * width < n ? (g + 1) * width : n;
      fit_group(p, tile, (int32_t)(g * width), (int32_t)end, scale + g * R, zero + g * R);
    }

  for (int32_t start = 0, end; start < n; start = end) {
    end = block_end(p, start);
    for (int32_t i = start; i < end; i++) {
      const int64_t g = p->order[i] / width;
      if (!p->static_groups && i % width == 0) {
        const int64_t last = i + width < n ? i + width : n;
        fit_group(p, tile, i, (int32_t)last, scale + g * R, zero + g * R);
      }
      solve_column(p, tile, scale + g * R, zero + g * R, numbers, errors + (int64_t)(i - start) * R,
                   i, end, error, &clipped);
    }
    if (p->factor) carry(p, tile, errors, start, end);
  }

  const float to_stored = power_of_two(-p->scale_exponent);
  for (int32_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < n; c++) {
      const int64_t at = (int64_t)p->position[c] * R + r;
      codes[r * n + c] = (uint8_t)numbers[at];
      restored[r * n + c] = tile[at];
    }
    for (int64_t g = 0; g < groups; g++) {
      scales[r * groups + g] = half_bits(scale[g * R + r] * to_stored);
      zeros[r * groups + g] = (uint8_t)zero[g * R + r];
    }
    sums->error += error[r];
  }
  sums->clipped += clipped;
}

int64_t ctk_gptq_scratch(int32_t columns, int32_t group_width) {
  const int64_t groups = ((int64_t)columns + group_width - 1) / group_width;
  return (2 * (int64_t)columns + 2 * groups + CTK_GPTQ_BLOCK) * R;
}

void ctk_gptq_tile_baseline(const struct ctk_gptq_layer *layer, const float *weights, int32_t rows,
                            float *scratch, uint8_t *codes, uint16_t *scales, uint8_t *zeros,
                            float *restored, struct ctk_gptq_sums *sums) {
  solve_tile(layer, weights, rows, scratch, codes, scales, zeros, restored, sums);
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))) static void solve_avx512(
    const struct ctk_gptq_layer *layer, const float *weights, int32_t rows, float *scratch,
    uint8_t *codes, uint16_t *scales, uint8_t *zeros, float *restored, struct ctk_gptq_sums *sums) {
  solve_tile(layer, weights, rows, scratch, codes, scales, zeros, restored, sums);
}

__attribute__((target("avx2,fma"))) static void solve_avx2(
    const struct ctk_gptq_layer *layer, const float *weights, int32_t rows, float *scratch,
    uint8_t *codes, uint16_t *scales, uint8_t *zeros, float *restored, struct ctk_gptq_sums *sums) {
  solve_tile(layer, weights, rows, scratch, codes, scales, zeros, restored, sums);
}
#endif

void ctk_gptq_tile(const struct ctk_gptq_layer *layer, const float *weights, int32_t rows,
                   float *scratch, uint8_t *codes, uint16_t *scales, uint8_t *zeros,
                   float *restored, struct ctk_gptq_sums *sums) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
      && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    solve_avx512(layer, weights, rows, scratch, codes, scales, zeros, restored, sums);
    return;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    solve_avx2(layer, weights, rows, scratch, codes, scales, zeros, restored, sums);
    return;
  }
#endif
  solve_tile(layer, weights, rows, scratch, codes, scales, zeros, restored, sums);
}
