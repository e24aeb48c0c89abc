// 2:4 sparse weights by their ranks, as the loops of few_rows_tiles.h take them.
#pragma once
#include "few_product.h"

#if defined(__x86_64__)

/// For each rank of 2 of 4: where each of the four bytes comes from, the first code, the second, or
/// (from 64 on) the zero.
CTK_BF16 static inline __m512i ctk_pair_sources(void) {
  uint8_t bytes[64];
  for (int r = 0; r < 16; r++)  // The fourth bit of a rank is its neighbour's.
    for (int p = 0, next = 0; p < 4; p++)
      bytes[4 * r + p] = ctk_two_of_four[r & 7] >> p & 1 ? (uint8_t)next++ : 64;
  return _mm512_loadu_si512(bytes);
}

/// A block of 64 codes as two registers of 64 weights, by its 32 ranks (twelve bytes). Where nothing survived
/// it is what `zero` has at the place of the group's first code, counted from the block's start.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_spread_ranks(
    __m512i block, const uint8_t *ranks, __m512i sources, __m512i zero, __m512i w[2]) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  // Lane i: the bit at which the rank of its group starts, and the first of the group's two codes.
  const __m512i place = _mm512_mullo_epi32(lane, _mm512_set1_epi32(0x03030303));
  const __m512i code = _mm512_mullo_epi32(lane, _mm512_set1_epi32(0x02020202));
  uint64_t half[2];
  memcpy(&half[0], ranks, 8);
  memcpy(&half[1], ranks + 4, 8);  // Its ranks start 16 bits later.
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    const __m512i start = _mm512_add_epi8(place, _mm512_set1_epi8((char)(16 * i)));
    const __m512i rank = _mm512_multishift_epi64_epi8(start, _mm512_set1_epi64((long long)half[i]));
    const __m512i from = _mm512_add_epi8(
        _mm512_add_epi8(code, _mm512_set1_epi8((char)(32 * i))),
        _mm512_permutexvar_epi32(rank, sources));
    w[i] = _mm512_permutex2var_epi8(block, from, zero);
  }
}

/// 2:4 sparsity.
static inline int ctk_has_pairs(const struct ctk_packed *w) {
  return w->ranks && w->kept == 2 && w->of == 4;
}
#endif
