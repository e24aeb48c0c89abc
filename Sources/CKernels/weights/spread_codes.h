// Putting a sparse row's survivors where its mask has ones.
#pragma once
#include <stdint.h>

#include "unpack_planar.h"

/// For each eight bits of a mask, where the codes of its eight columns come from: a byte each, the
/// number of the survivor, or 0x80 where there is none. A byte-wise shuffle by it spreads eight
/// codes. (Bit deposits would do it too, but take hundreds of cycles on some processors.)
extern uint64_t ctk_spread_table[256];

/// The same for each rank of 2:4 sparsity: four bytes.
extern uint32_t ctk_spread_pairs[8];

/// Called once the tables of ranks.h are there, before anything else of this library.
void ctk_fill_spread_tables(void);

/// Where columns 64·block … 64·block + 63 of a row start in the stream of survivors.
int64_t ctk_survivors_before(const struct ctk_packed *w, intptr_t row, intptr_t block);

/// The masks of blocks first..<last of a sparse row.
void ctk_mask_words(
    const struct ctk_packed *w, intptr_t row, intptr_t first, intptr_t last, uint64_t *words);

/// Codes of whole blocks of 64 columns, one byte each, 0 where masked out; returns how many
/// survivors there were. At least 16 bytes can be read from each survivor on.
intptr_t ctk_spread_codes(
    const uint64_t *words, intptr_t blocks, const uint8_t *survivors, uint8_t *codes);
intptr_t ctk_spread_codes_ref(
    const uint64_t *words, intptr_t blocks, const uint8_t *survivors, uint8_t *codes);
