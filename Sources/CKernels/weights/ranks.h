// The columns that n:m sparsity keeps. A combination's rank is Σ C(pᵢ, i) over its ascending
// positions pᵢ, i from 1 (the combinatorial number system). Ranks order combinations by the value
// of their bit masks.
#pragma once
#include "unpack_planar.h"

/// The combinations of 2 of 4 and of 4 of 8 columns as bit masks, by rank. Unused ranks map to the
/// last combination, as in ctk_combination.
extern const uint8_t ctk_two_of_four[8], ctk_four_of_eight[128];

/// F(combination) for each element of ctk_two_of_four, for tables derived from it.
#define CTK_TWO_OF_FOUR(F) F(0x3), F(0x5), F(0x6), F(0x9), F(0xa), F(0xc), F(0xc), F(0xc)

/// The combination of `kept` of `width` columns (at most 32) with the given rank, as a bit mask.
/// Exactly `kept` bits are set, even if no combination has that rank.
uint32_t ctk_combination(uint32_t rank, int kept, int width);

/// The mask of columns 64·block … 64·block + 63 of a row under n:m sparsity.
uint64_t ctk_ranks_word(const struct ctk_packed *w, intptr_t row, intptr_t block);
