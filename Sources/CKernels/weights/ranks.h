// Which columns n:m sparsity keeps: combinations by their rank Σ C(pᵢ, i), pᵢ ascending.
#pragma once
#include "unpack_planar.h"

/// The combinations of 2 of 4 and of 4 of 8 as bits, by rank; ranks that no combination has are as
/// the last one.
extern uint8_t ctk_two_of_four[8], ctk_four_of_eight[128];

/// The combination of `kept` of `width` (at most 32) columns with this rank, as bits. Exactly `kept`
/// are set, even where no combination has that rank.
uint32_t ctk_combination(uint32_t rank, int kept, int width);

/// n:m sparsity: which of a row's columns 64·block … 64·block + 63 survive.
uint64_t ctk_ranks_word(const struct ctk_packed *w, intptr_t row, intptr_t block);
