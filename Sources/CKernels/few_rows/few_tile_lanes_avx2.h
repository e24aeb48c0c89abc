// What few_integer_tiles.h needs of AVX2 beside few_lanes_avx2.h.
#pragma once
#include "few_lanes_avx2.h"

/// Sums of sixteen rows side by side, each in 32 bits; those of a few columns first in two halves of 16, for
/// the low or only four bits of a code and the others, and for the inputs' high and low bytes.
struct tile_sums {
  __m256i all[2], few[2][2][2];
};

CTK_FEW_INLINE struct tile_sums no_tile_sums(void) {
  const __m256i none = _mm256_setzero_si256();
  return (struct tile_sums){
      {none, none}, {{{none, none}, {none, none}}, {{none, none}, {none, none}}}};
}

/// Adds f·x for four columns of sixteen rows, a row after the other in f; x: four high bytes, and 64 bytes on
/// the low ones. At most eight times, 8·2·15·128 = 30720, before end_columns(). `wide` is a constant.
CTK_FEW_INLINE void add_columns(
    struct tile_sums *s, struct factors f, const int8_t *x, const int wide) {
#pragma clang loop unroll(full)
  for (int plane = 0; plane < 2; plane++) {
    int32_t four;
    memcpy(&four, x + 64 * plane, 4);
    const __m256i bytes = _mm256_set1_epi32(four);
#pragma clang loop unroll(full)
    for (int part = 0; part < (wide ? 2 : 1); part++)
#pragma clang loop unroll(full)
      for (int i = 0; i < 2; i++)
        s->few[part][plane][i] = _mm256_add_epi16(
            s->few[part][plane][i], _mm256_maddubs_epi16(f.part[2 * part + i], bytes));
  }
}

CTK_FEW_INLINE void end_columns(struct tile_sums *s, const int wide) {
#pragma clang loop unroll(full)
  for (int part = 0; part < (wide ? 2 : 1); part++)
#pragma clang loop unroll(full)
    for (int plane = 0; plane < 2; plane++) {
      const short weight = (short)((plane == 0 ? 256 : 1) * (part == 0 ? 1 : 16));
#pragma clang loop unroll(full)
      for (int i = 0; i < 2; i++) {
        s->all[i] = _mm256_add_epi32(
            s->all[i], _mm256_madd_epi16(s->few[part][plane][i], _mm256_set1_epi16(weight)));
        s->few[part][plane][i] = _mm256_setzero_si256();
      }
    }
}

CTK_FEW_INLINE void put_tile_sums(const struct tile_sums *s, float out[16]) {
  for (int i = 0; i < 2; i++) _mm256_storeu_ps(out + 8 * i, _mm256_cvtepi32_ps(s->all[i]));
}
