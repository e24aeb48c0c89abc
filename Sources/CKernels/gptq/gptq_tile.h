// The layout of the scratch space of one tile of 64 rows.
#pragma once
#include "gptq.h"
#include "vectors.h"

// The tile is kept transposed, [columns][64 rows], so that every step of the column loop is a
// vector operation over rows: four vectors of sixteen rows.
enum { tile_rows = CTK_GPTQ_ROWS, tile_vectors = tile_rows / 16 };

struct gptq_tile {
  /// [columns][64] by solving position: weights, replaced with restored weights as columns are
  /// solved.
  float *weights;
  /// [columns][64] codes as floats, by solving position.
  float *codes;
  /// [groups][64] steps and zero points of the grids.
  float *scales, *zeros;
  /// [CTK_GPTQ_BLOCK][64] errors of one block's columns.
  float *errors;
  /// [columns][64] the weights before any error was fed in; NULL without a first-order term.
  float *original;
};

CTK_INLINE int64_t gptq_groups(const struct ctk_gptq_layer *layer) {
  return (layer->columns + layer->group_width - 1) / layer->group_width;
}

CTK_INLINE struct gptq_tile gptq_tile_of(const struct ctk_gptq_layer *layer, float *scratch) {
  const int64_t values = (int64_t)layer->columns * tile_rows;
  const int64_t grids = gptq_groups(layer) * tile_rows;
  struct gptq_tile t = {.weights = scratch, .codes = scratch + values};
  t.scales = t.codes + values;
  t.zeros = t.scales + grids;
  t.errors = t.zeros + grids;
  t.original = layer->first_order != 0 ? t.errors + CTK_GPTQ_BLOCK * tile_rows : 0;
  return t;
}

/// 2^exponent, for −126 ≤ exponent ≤ 127.
CTK_INLINE float power_of_two(int32_t exponent) {
  const uint32_t bits = (uint32_t)(exponent + 127) << 23;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
