// The column loop of gptq_block.c: one column after another, and what later ones learn of it.
#pragma once
#include "gptq_grid.h"

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

// One column: round it (or drop it), leave code and restored value in the tile's place, feed the error
// forward in the block. `original`: the column before any error reached it; NULL without a first-order
// term.
INLINE void solve_column(const struct ctk_gptq_layer *p, float *tile, const float *original,
                         const uint8_t *dropped, const float *scale, const float *zero,
                         float *codes, float *error, int32_t i, int32_t end,
                         struct ctk_gptq_sums *sums) {
  const float top = (float)((1 << p->bits) - 1);
  const float *u = p->factor ? p->factor + (int64_t)i * p->columns : 0;
  const float diagonal = u ? u[i] : 1.0f;
  float *column = tile + (int64_t)i * R;
  for (int v = 0; v < VECTORS; v++) {
    vf w = *(const vf *)(column + v * LANES), pull = splat(0);
    if (original) {
      // Pulled back once for its own value, once more in what the later columns are told.
      const vf before = *(const vf *)(original + v * LANES);
      w -= p->first_order * (w - before);
      pull = p->first_order * (w - before);
    }
    vf restored = w, code = splat(0);
    vi outside = {0};
    if (p->quantize) {
      const vf s = *(const vf *)(scale + v * LANES), z = *(const vf *)(zero + v * LANES);
      const vf steps = w / select(s > splat(0), s, splat(__builtin_inff()));
      const vf inside = min_vf(max_vf(steps, -z), top - z);
      const vf q = round_even(inside);
      restored = q * s;
      code = q + z;
      outside = (steps - inside > splat(0.5f)) | (inside - steps > splat(0.5f));
      if (dropped) code = select(dropped_lanes(dropped, i, v), z, code);
    }
    if (dropped) {
      const vi none = dropped_lanes(dropped, i, v);
      restored = (vf)((vi)restored & ~none);
      outside &= ~none;
    }
    const vf e = (w - restored - pull) / diagonal;
    *(vf *)(error + v * LANES) = e;
    *(vf *)(codes + (int64_t)i * R + v * LANES) = code;
    *(vf *)(column + v * LANES) = restored;
    for (int lane = 0; lane < LANES; lane++) {
      sums->errors[v * LANES + lane] += (double)e[lane] * (double)e[lane];
      sums->clipped -= outside[lane];
    }
  }
  if (!u) return;
  for (int32_t j = i + 1; j < end; j++)
    for (int v = 0; v < VECTORS; v++)
      *(vf *)(tile + (int64_t)j * R + v * LANES) -= u[j] * *(const vf *)(error + v * LANES);
}
