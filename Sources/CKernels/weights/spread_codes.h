// The expansion of a sparse row's survivors to the columns where its mask has ones.
#pragma once
#include <stdint.h>

#include "unpack_planar.h"

/// The shuffle indices of eight columns for each eight bits of a mask, one byte per column: the
/// index of its survivor, or 0x80 if it is masked out. A byte shuffle (PSHUFB, TBL) by them spreads
/// eight codes. PDEP would too, but takes hundreds of cycles on AMD processors before Zen 3, where
/// it is microcoded.
extern const uint64_t ctk_spread_table[256];

/// The shuffle indices of four columns for each rank of 2:4 sparsity, in the format of
/// ctk_spread_table.
extern const uint32_t ctk_spread_pairs[8];

/// The index in the stream of survivors of a row's first survivor from column 64·block on.
int64_t ctk_survivors_before(const struct ctk_packed *w, intptr_t row, intptr_t block);

/// The masks of blocks first..<last of a sparse row.
void ctk_mask_words(
    const struct ctk_packed *w, intptr_t row, intptr_t first, intptr_t last, uint64_t *words);

/// Expands survivors to the codes of whole blocks of 64 columns, one byte each, 0 where masked out;
/// returns the number of survivors. At least 16 bytes must be readable from each survivor on.
intptr_t ctk_spread_codes(
    const uint64_t *words, intptr_t blocks, const uint8_t *survivors, uint8_t *codes);
intptr_t ctk_spread_codes_ref(
    const uint64_t *words, intptr_t blocks, const uint8_t *survivors, uint8_t *codes);
