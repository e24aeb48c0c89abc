#include "ranks.h"

#include "spread_codes.h"

uint8_t ctk_two_of_four[8], ctk_four_of_eight[128];

enum { most = 32 };

// C(n, k); the largest, C(32, 16), has 30 bits.
static uint32_t combinations[most + 1][most + 1];

// Before anything of this library is called, so that readers need no lock.
__attribute__((constructor)) static void fill_tables(void) {
  for (int n = 0; n <= most; n++) {
    combinations[n][0] = 1;
    for (int k = 1; k <= n; k++)
      combinations[n][k] = combinations[n - 1][k - 1] + combinations[n - 1][k];
  }
  for (uint32_t r = 0; r < 8; r++) ctk_two_of_four[r] = (uint8_t)ctk_combination(r, 2, 4);
  for (uint32_t r = 0; r < 128; r++) ctk_four_of_eight[r] = (uint8_t)ctk_combination(r, 4, 8);
  ctk_fill_spread_tables();
}

uint32_t ctk_combination(uint32_t rank, int kept, int width) {
  uint32_t word = 0;
  int position = width;
  for (int place = kept; place > 0; place--) {
    do position--;
    while (combinations[position][place] > rank);
    rank -= combinations[position][place];
    word |= (uint32_t)1 << position;
  }
  return word;
}

/// The rank of a group, counted over the whole matrix.
static uint32_t rank_of(const struct ctk_packed *w, int64_t group) {
  const int64_t bit = group * w->rank_bits, last = (bit + w->rank_bits - 1) / 8;
  uint64_t bytes = 0;
  for (int64_t at = bit / 8; at <= last; at++)
    bytes |= (uint64_t)w->ranks[at] << 8 * (at - bit / 8);
  return (uint32_t)(bytes >> (bit % 8) & (((uint64_t)1 << w->rank_bits) - 1));
}

uint64_t ctk_ranks_word(const struct ctk_packed *w, intptr_t row, intptr_t block) {
  const intptr_t groups = (w->columns + w->of - 1) / w->of, first = 64 * block;
  const intptr_t last = first + 64 < w->columns ? first + 64 : w->columns;
  uint64_t word = 0;
  for (intptr_t group = first / w->of; group * w->of < last; group++) {
    const intptr_t left = group * w->of;
    const int width = w->columns - left < w->of ? (int)(w->columns - left) : w->of;
    const uint64_t kept = ctk_combination(
        rank_of(w, row * groups + group), width < w->kept ? width : w->kept, width);
    word |= left >= first ? kept << (left - first) : kept >> (first - left);
  }
  return word;
}
