// Random access to one weight of a packed matrix, for the plain twins.
#pragma once
#include "planar_codes.h"

/// The weight at a row and column of any packed matrix; 0 where masked out.
static inline float ctk_single_weight(const struct ctk_packed *w, intptr_t row, intptr_t column) {
  const struct ctk_packed stored = w->interleaved ? ctk_tiles(w) : *w;
  const intptr_t line = w->interleaved ? row / ctk_tile_rows : row;
  const intptr_t place = w->interleaved ? ctk_tile_place(row, column) : column;
  int64_t index = ctk_row_start(&stored, line);
  if (ctk_is_sparse(w)) {
    if (!(ctk_mask_word(&stored, line, place / 64) >> place % 64 & 1)) return 0;
    // Under n:m sparsity every whole group before this one keeps `kept`.
    const intptr_t first = w->mask ? 0 : place / w->of * w->of;
    if (!w->mask) index += place / w->of * w->kept;
    for (intptr_t b = first / 64; b <= place / 64; b++) {
      uint64_t word = ctk_mask_word(&stored, line, b);
      if (b == first / 64) word &= ~(uint64_t)0 << first % 64;
      if (b == place / 64) word &= ((uint64_t)1 << place % 64) - 1;
      index += __builtin_popcountll(word);
    }
  } else {
    index += place;
  }
  const intptr_t group = ctk_group_place(w, row, column / w->group_size);
  const float code = (float)ctk_single_code(w->codes, w->bits, index);
  return (code - ctk_zero(w, group)) * ctk_scale(w, group);
}
