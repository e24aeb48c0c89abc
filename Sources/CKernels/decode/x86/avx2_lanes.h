// The primitives of generic/lanes.h in AVX2. MADDUBS multiplies unsigned by signed bytes to 16-bit
// sums, so high and low bytes of the inputs are multiplied separately and combined in 32-bit sums.
#pragma once
#include <immintrin.h>
#include <string.h>

#include "spread_codes.h"

#define CTK_LANES static __attribute__((target("avx2,fma,f16c,popcnt")))
#define CTK_LANES_INLINE CTK_LANES inline __attribute__((always_inline))

enum { avx2_eight_bit_bias = 0 };  // subtracted from 8-bit codes before they are multiplied

/// Partial sums of one row.
typedef __m256 avx2_sums;

/// A run of 64 codes, one byte each.
struct avx2_codes {
  __m256i part[2];
};

/// A run of codes as factors of at most 4 bits, so that sums of two products with bytes fit 16
/// bits: 8-bit codes are split into their low nibbles, then their high ones.
struct avx2_factors {
  __m256i part[4];
};

/// The narrow group, within half a run, of each sum of four columns and of each of 32 columns.
struct avx2_group_map {
  __m256i lane, byte;
  intptr_t per_half;
};

CTK_LANES_INLINE struct avx2_group_map avx2_group_map(intptr_t per_run) {
  int32_t lane[8];
  uint8_t byte[32];
  for (int i = 0; i < 8; i++) lane[i] = (int32_t)(i * per_run / 16);
  for (int i = 0; i < 32; i++) byte[i] = (uint8_t)(i * per_run / 64);
  return (struct avx2_group_map){
      _mm256_loadu_si256((const __m256i *)(const void *)lane),
      _mm256_loadu_si256((const __m256i *)(const void *)byte), per_run / 2};
}

CTK_LANES_INLINE __m256i avx2_bytes32(const void *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}

CTK_LANES_INLINE __m256i avx2_twice(const void *p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
}

/// Unpacks a planar block; `bits` is a constant.
CTK_LANES_INLINE struct avx2_codes avx2_unpack_run(const uint8_t *block, const int bits) {
  struct avx2_codes c;
  if (bits == 8) {
    c.part[0] = avx2_bytes32(block);
    c.part[1] = avx2_bytes32(block + 32);
  } else if (bits == 4) {
    const __m256i two = avx2_bytes32(block), low = _mm256_set1_epi8(15);
    c.part[0] = _mm256_and_si256(two, low);
    c.part[1] = _mm256_and_si256(_mm256_srli_epi16(two, 4), low);
  } else {
    const __m256i four = avx2_twice(block), low = _mm256_set1_epi8(3);
    c.part[0] = _mm256_and_si256(_mm256_srlv_epi64(four, _mm256_setr_epi64x(0, 0, 2, 2)), low);
    c.part[1] = _mm256_and_si256(_mm256_srlv_epi64(four, _mm256_setr_epi64x(4, 4, 6, 6)), low);
    if (bits == 3) {
      const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
      for (int i = 0; i < 2; i++) {
        int32_t word;
        memcpy(&word, block + 16 + 4 * i, 4);
        // Repeat each byte of the word eight times.
        const __m256i all = _mm256_shuffle_epi8(
            _mm256_set1_epi32(word),
            _mm256_setr_epi64x(
                0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303));
        const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(all, bit), bit);
        c.part[i] = _mm256_or_si256(c.part[i], _mm256_and_si256(set, _mm256_set1_epi8(4)));
      }
    }
  }
  return c;
}

CTK_LANES_INLINE struct avx2_codes avx2_same_code(uint8_t code) {
  const __m256i all = _mm256_set1_epi8((char)code);
  return (struct avx2_codes){{all, all}};
}

/// The code of its narrow group for each column.
CTK_LANES_INLINE struct avx2_codes avx2_codes_of_groups(
    const uint8_t *codes, struct avx2_group_map g) {
  return (struct avx2_codes){
      {_mm256_shuffle_epi8(avx2_twice(codes), g.byte),
       _mm256_shuffle_epi8(avx2_twice(codes + g.per_half), g.byte)}};
}

/// Expands the next survivors to where `kept` has ones, with `zeros` elsewhere. Reads 16 bytes from
/// each on.
CTK_LANES_INLINE struct avx2_codes avx2_spread_run(
    const uint8_t **survivors, uint64_t kept, struct avx2_codes zeros) {
  struct avx2_codes c;
  const uint8_t *next = *survivors;
  const uint64_t ones = 0x0101010101010101;
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    const uint32_t mask = (uint32_t)(kept >> 32 * i);
    const uint64_t a = ctk_spread_table[mask & 255];
    const uint64_t b = ctk_spread_table[mask >> 8 & 255] +
                       (uint64_t)__builtin_popcount(mask & 255) * ones;
    const uint64_t d = ctk_spread_table[mask >> 16 & 255];
    const uint64_t e = ctk_spread_table[mask >> 24] +
                       (uint64_t)__builtin_popcount(mask >> 16 & 255) * ones;
    const __m256i from =
        _mm256_setr_epi64x((long long)a, (long long)b, (long long)d, (long long)e);
    const __m256i some = _mm256_loadu2_m128i(
        (const __m128i *)(const void *)(next + __builtin_popcount(mask & 0xffff)),
        (const __m128i *)(const void *)next);
    // A masked-out column's index has its highest bit set, by which BLENDV picks the zero.
    c.part[i] = _mm256_blendv_epi8(_mm256_shuffle_epi8(some, from), zeros.part[i], from);
    next += __builtin_popcount(mask);
  }
  *survivors = next;
  return c;
}

/// Expands 32 survivors of a 2:4 sparse run by the six bytes of their ranks.
CTK_LANES_INLINE struct avx2_codes avx2_spread_pairs(
    const uint8_t *survivors, const uint8_t *ranks, struct avx2_codes zeros) {
  // Four source bytes per rank, and in eight lanes the index of each group's first code.
  const __m256i sources = avx2_bytes32(ctk_spread_pairs);
  const __m256i first = _mm256_mullo_epi32(
      _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14), _mm256_set1_epi32(0x01010101));
  const __m256i place = _mm256_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21);
  struct avx2_codes c;
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    uint32_t word;
    memcpy(&word, ranks + 2 * i, 4);
    const __m256i rank = _mm256_srlv_epi32(_mm256_set1_epi32((int)(word >> 8 * i)), place);
    // VPERMD reads the low three bits of each lane.
    const __m256i from = _mm256_add_epi8(_mm256_permutevar8x32_epi32(sources, rank), first);
    c.part[i] = _mm256_blendv_epi8(
        _mm256_shuffle_epi8(avx2_twice(survivors + 16 * i), from), zeros.part[i], from);
  }
  return c;
}

CTK_LANES_INLINE struct avx2_factors avx2_factors_of(struct avx2_codes c, const int wide) {
  struct avx2_factors f;
  const __m256i low = _mm256_set1_epi8(15);
  for (int i = 0; i < 2; i++) {
    f.part[i] = wide ? _mm256_and_si256(c.part[i], low) : c.part[i];
    f.part[2 + i] = wide ? _mm256_and_si256(_mm256_srli_epi16(c.part[i], 4), low) : low;
  }
  return f;
}

/// Σ f·x in 32-bit sums over halves from…to of a run; x: 64 high bytes, then 64 low ones. 16-bit
/// sums have four products: at most 4·15·128 = 7680. `wide` (8-bit codes), `from` and `to` are
/// constants.
CTK_LANES_INLINE __m256i avx2_products(
    struct avx2_factors f, const int8_t *x, const int wide, const int from, const int to) {
  __m256i sum = _mm256_setzero_si256();
#pragma clang loop unroll(full)
  for (int part = 0; part < (wide ? 2 : 1); part++)
#pragma clang loop unroll(full)
    for (int plane = 0; plane < 2; plane++) {
      const int8_t *bytes = x + 64 * plane;
      __m256i pairs =
          _mm256_maddubs_epi16(f.part[2 * part + from], avx2_bytes32(bytes + 32 * from));
      if (to > from)
        pairs = _mm256_add_epi16(
            pairs, _mm256_maddubs_epi16(f.part[2 * part + to], avx2_bytes32(bytes + 32 * to)));
      const short weight = (short)((plane == 0 ? 256 : 1) * (part == 0 ? 1 : 16));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(weight)));
    }
  return sum;
}

/// sum + scale·x_scale·Σ f·x over a run.
CTK_LANES_INLINE avx2_sums avx2_add_run(
    avx2_sums sum, struct avx2_factors f, const int8_t *x, float scale, float x_scale,
    const int wide) {
  const __m256 both = _mm256_mul_ps(_mm256_set1_ps(scale), _mm256_set1_ps(x_scale));
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(avx2_products(f, x, wide, 0, 1)), both, sum);
}

/// sum + x_scale·Σ scale·f·x over a run, with a scale per narrow group.
CTK_LANES_INLINE avx2_sums avx2_add_narrow(
    avx2_sums sum, struct avx2_factors f, const int8_t *x, const float *scales, float x_scale,
    struct avx2_group_map g, const int wide) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    const __m256 scale =
        _mm256_permutevar8x32_ps(_mm256_loadu_ps(scales + i * g.per_half), g.lane);
    sum = _mm256_fmadd_ps(
        _mm256_cvtepi32_ps(avx2_products(f, x, wide, i, i)),
        _mm256_mul_ps(scale, _mm256_set1_ps(x_scale)), sum);
  }
  return sum;
}

CTK_LANES_INLINE avx2_sums avx2_no_sum(void) { return _mm256_setzero_ps(); }

CTK_LANES_INLINE float avx2_total(avx2_sums sum) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

// ---- Tiles: sixteen rows, each in a 32-bit sum ----

/// Sums of sixteen rows, in 32 bits each. Those of a few columns are collected in two 16-bit
/// halves, for low and high nibbles of the codes and for high and low bytes of the inputs.
struct avx2_tile_sums {
  __m256i all[2], few[2][2][2];
};

CTK_LANES_INLINE struct avx2_tile_sums avx2_no_tile_sums(void) {
  const __m256i none = _mm256_setzero_si256();
  return (struct avx2_tile_sums){
      {none, none}, {{{none, none}, {none, none}}, {{none, none}, {none, none}}}};
}

/// Adds f·x for four columns of sixteen rows, row after row in f; x: four high bytes and, 64 bytes
/// on, the low ones. At most eight times (8·2·15·128 = 30720 fits 16 bits) before
/// avx2_end_columns(). `wide` is a constant.
CTK_LANES_INLINE void avx2_add_columns(
    struct avx2_tile_sums *s, struct avx2_factors f, const int8_t *x, const int wide) {
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

CTK_LANES_INLINE void avx2_end_columns(struct avx2_tile_sums *s, const int wide) {
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

CTK_LANES_INLINE void avx2_put_tile_sums(const struct avx2_tile_sums *s, float out[16]) {
  for (int i = 0; i < 2; i++) _mm256_storeu_ps(out + 8 * i, _mm256_cvtepi32_ps(s->all[i]));
}
