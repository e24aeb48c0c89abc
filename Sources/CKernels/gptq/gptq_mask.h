// The choice of the weights of a tile that n:m sparsity drops.
#pragma once
#include "gptq_grid.h"

/// w² / U_cc², the error of dropping a weight after later columns have compensated for it
/// (SparseGPT, arXiv 2301.00774, equation 3); w² without a factor.
CTK_INLINE v16 cost_of_dropping(
    const struct ctk_gptq_layer *layer, const float *weights, int32_t i, int v) {
  const v16 w = v16_load(weights + (int64_t)i * tile_rows + 16 * v);
  const v16 scaled = layer->factor ? w / layer->factor[(int64_t)i * layer->columns + i] : w;
  return scaled * scaled;
}

/// Marks, in each row, the current weights of one group of columns with the highest costs as kept
/// and the others as dropped. Of equal costs the first is dropped.
CTK_INLINE void choose_dropped(
    const struct ctk_gptq_layer *layer, const float *weights, int32_t first, int32_t end,
    uint8_t *dropped) {
  const int32_t excess = end - first - layer->kept;
  for (int v = 0; v < tile_vectors; v++)
    for (int32_t a = first; a < end; a++) {
      const v16 cost = cost_of_dropping(layer, weights, a, v);
      m16 cheaper = {0};
      for (int32_t b = first; b < end; b++) {
        const v16 other = cost_of_dropping(layer, weights, b, v);
        cheaper -= b < a ? (m16)(other <= cost) : (m16)(other < cost);
      }
      const m16 drop = (m16)(cheaper < excess);
      for (int lane = 0; lane < 16; lane++)
        dropped[(int64_t)a * tile_rows + 16 * v + lane] = drop[lane] != 0;
    }
}

/// choose_dropped for every group of the columns first ..< end.
CTK_INLINE void choose_all_dropped(
    const struct ctk_gptq_layer *layer, const float *weights, int32_t first, int32_t end,
    uint8_t *dropped) {
  for (int32_t at = first; at < end; at += layer->of)
    choose_dropped(layer, weights, at, at + layer->of < end ? at + layer->of : end, dropped);
}
