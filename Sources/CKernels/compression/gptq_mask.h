// Which weights of a tile n:m sparsity drops.
#pragma once
#include "gptq_grid.h"

// w² / U_cc²: what dropping a weight costs, its repair by later columns included (SparseGPT).
INLINE vf cost_of_dropping(const struct ctk_gptq_layer *p, const float *tile, int32_t i, int v) {
  const vf w = *(const vf *)(tile + (int64_t)i * R + v * LANES);
  const vf scaled = p->factor ? w / p->factor[(int64_t)i * p->columns + i] : w;
  return scaled * scaled;
}

// n:m sparsity: which of the columns first..<end are dropped, from the weights as they are now. Of
// equal costs the first is dropped.
INLINE void choose_dropped(const struct ctk_gptq_layer *p, const float *tile, int32_t first,
                           int32_t end, uint8_t *dropped) {
  const int32_t excess = end - first - p->kept;
  for (int v = 0; v < VECTORS; v++)
    for (int32_t a = first; a < end; a++) {
      const vf cost = cost_of_dropping(p, tile, a, v);
      vi cheaper = {0};
      for (int32_t b = first; b < end; b++) {
        const vf other = cost_of_dropping(p, tile, b, v);
        cheaper -= b < a ? other <= cost : other < cost;
      }
      const vi drop = cheaper < excess;
      for (int lane = 0; lane < LANES; lane++)
        dropped[(int64_t)a * R + v * LANES + lane] = drop[lane] != 0;
    }
}

INLINE void choose_all_dropped(const struct ctk_gptq_layer *p, const float *tile, int32_t first,
                               int32_t end, uint8_t *dropped) {
  for (int32_t at = first; at < end; at += p->of)
    choose_dropped(p, tile, at, at + p->of < end ? at + p->of : end, dropped);
}
