// Sixteen rows of a sparse matrix that are stored side by side (`interleaved` in unpack_planar.h).
#pragma once
#include "planar_blocks.h"
#include "planar_codes.h"

enum {
  ctk_tile_rows = 16,
  ctk_tile_blocks = 8,  // of 64 columns that are decoded at a time
  // A decoded row: its successor isn't a power of two away, and whole vectors fit behind its end.
  ctk_tile_stride = 64 * ctk_tile_blocks + 64,
};

/// The matrix whose rows are the tiles, without scales: what is stored in the order in which it is. Its
/// blocks 16·b … 16·b + 15 are the columns 64·b … 64·b + 63 of a tile.
static inline struct ctk_packed ctk_tiles(const struct ctk_packed *w) {
  struct ctk_packed tiles = *w;
  tiles.rows /= ctk_tile_rows;
  tiles.columns *= ctk_tile_rows;
  tiles.scales = tiles.zeros = 0;
  tiles.interleaved = 0;
  return tiles;
}

/// Where a weight stands in its tile's row of ctk_tiles().
static inline intptr_t ctk_tile_place(intptr_t row, intptr_t column) {
  return column / 4 * 64 + row % ctk_tile_rows * 4 + column % 4;
}

/// The zeros of group `group` of a tile's rows, a byte each.
CTK_INLINE void ctk_tile_zeros(
    const struct ctk_packed *w, intptr_t tile, intptr_t group, uint8_t zeros[16]) {
  if (!w->zeros) {
    memset(zeros, 1 << (w->bits - 1), ctk_tile_rows);
    return;
  }
  // They are a quarter of a block.
  const intptr_t place = tile * ctk_groups(w) + group;
  uint8_t block[64];
  block_of_codes(w->zeros + place / 4 * 8 * w->bits, w->bits, block);
  memcpy(zeros, block + place % 4 * ctk_tile_rows, ctk_tile_rows);
}

/// The codes of a tile's blocks of 64 columns first..<last, at most ctk_tile_blocks of them, one byte each
/// and row after row, ctk_tile_stride bytes apart; masked out is what has the code of its group's zero.
/// `survivor`: where block `first` starts among the survivors; returns where block `last` does.
int64_t ctk_tile_codes(
    const struct ctk_packed *w, intptr_t tile, intptr_t first, intptr_t last, int64_t survivor,
    uint8_t *codes);

/// Where columns 64·block … of a tile start among the survivors.
int64_t ctk_tile_start(const struct ctk_packed *w, intptr_t tile, intptr_t block);

/// Sixteen rows of 64 codes, ctk_tile_stride bytes apart, from sixteen times four columns of each row. `kept`:
/// all bits of a byte are set where there is a code; elsewhere the row's zero takes its place.
void ctk_turn_tile(
    const uint8_t *spread, const uint8_t *kept, const uint8_t *zeros, uint8_t *codes);
