// Unpacking of tiles, which are sixteen interleaved rows of a sparse matrix (`interleaved` in
// unpack_planar.h), to rows.
#pragma once
#include "planar_codes.h"

enum {
  ctk_tile_blocks = 8,  // blocks of 64 columns that are unpacked at a time
  // Bytes between unpacked rows: no power of two, which would map them to the same cache sets, and
  // with room for a whole vector past each row's end.
  ctk_tile_stride = 64 * ctk_tile_blocks + 64,
};

/// Unpacks a tile's blocks of 64 columns first..<last, at most ctk_tile_blocks of them, to codes of
/// one byte, row after row, ctk_tile_stride bytes apart; a masked-out column gets its group's zero
/// point. `survivor` is the index of the first survivor of block `first`; returns that of block
/// `last`.
int64_t ctk_tile_codes(
    const struct ctk_packed *w, intptr_t tile, intptr_t first, intptr_t last, int64_t survivor,
    uint8_t *codes);

/// The index of a tile's first survivor from column 64·block on.
int64_t ctk_tile_start(const struct ctk_packed *w, intptr_t tile, intptr_t block);

/// Transposes sixteen blocks, each of four columns of sixteen rows, to sixteen rows of 64 codes,
/// ctk_tile_stride bytes apart. A byte of `kept` is 0xff where there is a code; elsewhere the row's
/// zero point takes its place.
void ctk_turn_tile(
    const uint8_t *spread, const uint8_t *kept, const uint8_t *zeros, uint8_t *codes);
