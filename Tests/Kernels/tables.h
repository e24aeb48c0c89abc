// Comparison of the kernels' constant tables with their definitions.
#pragma once
#include <stdint.h>
#include <stdio.h>

#include "matrices.h"
#include "ranks.h"
#include "spread_codes.h"

/// The rank of a mask: Σ C(pᵢ, i) over the ascending positions pᵢ of its bits, i from 1.
static int64_t rank_of_mask(uint32_t mask) {
  int64_t rank = 0;
  for (int position = 0, i = 1; position < 32; position++)
    if (mask >> position & 1) rank += combinations(position, i++);
  return rank;
}

/// The shuffle indices of a mask: byte i is the number of survivors before column i, or 0x80 if the
/// column is masked out.
static uint64_t sources_of(int mask, int columns) {
  uint64_t bytes = 0;
  for (int i = 0, next = 0; i < columns; i++)
    bytes |= (uint64_t)(mask >> i & 1 ? next++ : 0x80) << 8 * i;
  return bytes;
}

static int check(int holds, const char *table, long index) {
  if (!holds) printf("MISMATCH %s at %ld\n", table, index);
  return !holds;
}

/// Compares all tables; prints the differences and returns their number.
static int table_failures(void) {
  int failures = 0;
  for (int width = 1; width <= 32; width++)
    for (int kept = 0; kept <= width; kept++)
      for (int i = 0; i < 50; i++) {
        const uint32_t count = (uint32_t)combinations(width, kept);
        // The first and the last rank, and random ones.
        const uint32_t rank = i == 0 ? 0 : i == 1 ? count - 1 : random_below(count);
        const uint32_t mask = ctk_combination(rank, kept, width);
        failures += check(
            __builtin_popcount(mask) == kept && (uint64_t)mask < (uint64_t)1 << width &&
                rank_of_mask(mask) == rank,
            "combinations", rank);
      }
  for (uint32_t r = 0; r < 8; r++) {
    failures += check(ctk_two_of_four[r] == ctk_combination(r, 2, 4), "two of four", r);
    failures += check(
        ctk_spread_pairs[r] == sources_of((int)ctk_combination(r, 2, 4), 4), "spread pairs", r);
  }
  for (uint32_t r = 0; r < 128; r++)
    failures += check(ctk_four_of_eight[r] == ctk_combination(r, 4, 8), "four of eight", r);
  for (int mask = 0; mask < 256; mask++)
    failures += check(ctk_spread_table[mask] == sources_of(mask, 8), "spread codes", mask);
  // Two ranks of 2:4 sparsity cover eight columns.
  for (int first = 0; first < 6; first++)
    for (int second = 0; second < 6; second++) {
      uint8_t ranks[6] = {(uint8_t)(first | second << 3)};
      const struct ctk_packed w = {
          .rows = 1, .columns = 64, .ranks = ranks, .kept = 2, .of = 4, .rank_bits = 3};
      uint64_t word;
      ctk_mask_words(&w, 0, 0, 1, &word);
      failures += check(
          (word & 255) == (uint64_t)(ctk_two_of_four[first] | ctk_two_of_four[second] << 4),
          "two of four twice", first | second << 3);
    }
  return failures;
}
