// The column loop: columns are solved one after another, and their errors are fed to later ones.
#pragma once
#include "gptq_grid.h"

/// Adds a block's errors to all columns after it, W[:, j] −= Σ_i U[i, j] · e_i over the block's
/// columns i, four columns j at a time.
CTK_INLINE void carry(
    const struct ctk_gptq_layer *layer, float *weights, const float *errors, int32_t start,
    int32_t end) {
  const int64_t n = layer->columns;
  int32_t j = end;
  for (; j + 4 <= n; j += 4) {
    v16 sum[4][tile_vectors];
    for (int k = 0; k < 4; k++)
      for (int v = 0; v < tile_vectors; v++)
        sum[k][v] = v16_load(weights + (int64_t)(j + k) * tile_rows + 16 * v);
    for (int32_t i = start; i < end; i++) {
      const float *e = errors + (int64_t)(i - start) * tile_rows;
      const float *u = layer->factor + i * n + j;
      for (int v = 0; v < tile_vectors; v++) {
        const v16 error = v16_load(e + 16 * v);
        for (int k = 0; k < 4; k++) sum[k][v] -= u[k] * error;
      }
    }
    for (int k = 0; k < 4; k++)
      for (int v = 0; v < tile_vectors; v++)
        v16_store(weights + (int64_t)(j + k) * tile_rows + 16 * v, sum[k][v]);
  }
  for (; j < n; j++)
    for (int v = 0; v < tile_vectors; v++) {
      float *column = weights + (int64_t)j * tile_rows + 16 * v;
      v16 sum = v16_load(column);
      for (int32_t i = start; i < end; i++)
        sum -= layer->factor[i * n + j] *
               v16_load(errors + (int64_t)(i - start) * tile_rows + 16 * v);
      v16_store(column, sum);
    }
}

/// Rounds or drops column `i`, stores its codes and restored values in the tile, and feeds its
/// error to the later columns of the block, which ends before `end`.
///
/// `scales` and `zeros` are the grids of the column's group, and `error` receives the column's
/// errors, [64] each.
CTK_INLINE void solve_column(
    const struct ctk_gptq_layer *layer, const struct gptq_tile *tile, const uint8_t *dropped,
    const float *scales, const float *zeros, float *error, int32_t i, int32_t end,
    struct ctk_gptq_sums *sums) {
  const float top = (float)((1 << layer->bits) - 1);
  const float *u = layer->factor ? layer->factor + (int64_t)i * layer->columns : 0;
  const float diagonal = u ? u[i] : 1.0f;
  const int64_t at = (int64_t)i * tile_rows;
  for (int v = 0; v < tile_vectors; v++) {
    v16 w = v16_load(tile->weights + at + 16 * v), pull = v16_all(0);
    if (tile->original) {
      // Subtracted once from the column's own value, and once from the error fed to later columns.
      const v16 before = v16_load(tile->original + at + 16 * v);
      w -= layer->first_order * (w - before);
      pull = layer->first_order * (w - before);
    }
    v16 restored = w, code = v16_all(0);
    m16 outside = {0};
    if (layer->quantize) {
      const v16 s = v16_load(scales + 16 * v), z = v16_load(zeros + 16 * v);
      const v16 steps = w / v16_select((m16)(s > v16_all(0)), s, v16_all(__builtin_inff()));
      const v16 inside = v16_min(top - z, v16_max(-z, steps));
      const v16 q = v16_round_even(inside);
      restored = q * s;
      code = q + z;
      outside = (m16)(steps - inside > v16_all(0.5f)) | (m16)(inside - steps > v16_all(0.5f));
      if (dropped) code = v16_select(dropped_lanes(dropped, i, v), z, code);
    }
    if (dropped) {
      const m16 none = dropped_lanes(dropped, i, v);
      restored = (v16)((m16)restored & ~none);
      outside &= ~none;
    }
    const v16 e = (w - restored - pull) / diagonal;
    v16_store(error + 16 * v, e);
    v16_store(tile->codes + at + 16 * v, code);
    v16_store(tile->weights + at + 16 * v, restored);
    for (int lane = 0; lane < 16; lane++) {
      sums->errors[16 * v + lane] += (double)e[lane] * (double)e[lane];
      sums->clipped -= outside[lane];
    }
  }
  if (!u) return;
  for (int32_t j = i + 1; j < end; j++)
    for (int v = 0; v < tile_vectors; v++) {
      float *later = tile->weights + (int64_t)j * tile_rows + 16 * v;
      v16 w = v16_load(later);
      w -= u[j] * v16_load(error + 16 * v);
      v16_store(later, w);
    }
}
