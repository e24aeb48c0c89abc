// What few_integer.h needs of AVX2: 64 codes in registers, and their products with inputs of 16
// bits, whose bytes are multiplied on their own and come together in sums of 32 bits.
#pragma once
#include <immintrin.h>

#include "spread_codes.h"
#include "vectors.h"

#define CTK_FEW static __attribute__((target("avx2,fma,f16c,popcnt")))
#define CTK_FEW_INLINE CTK_FEW inline __attribute__((always_inline))

enum { eight_bit_bias = 0 };  // what is taken off codes of 8 bits before they are multiplied

typedef __m256 lanes;

/// 64 codes, one byte each.
struct run_codes {
  __m256i part[2];
};

/// The same as factors of at most 4 bits: products of two neighbours with bytes then fit 16 bits.
/// Codes of 8 bits are their lower halves, then their upper ones.
struct factors {
  __m256i part[4];
};

/// Which of a run's finer groups each sum of four columns, and each of 32 columns, belongs to.
struct fine_groups {
  __m256i lane, byte;
  intptr_t per_half;
};

CTK_FEW_INLINE struct fine_groups fine_groups(intptr_t per_run) {
  int32_t lane[8];
  uint8_t byte[32];
  for (int i = 0; i < 8; i++) lane[i] = (int32_t)(i * per_run / 16);
  for (int i = 0; i < 32; i++) byte[i] = (uint8_t)(i * per_run / 64);
  return (struct fine_groups){
      _mm256_loadu_si256((const __m256i *)(const void *)lane),
      _mm256_loadu_si256((const __m256i *)(const void *)byte), per_run / 2};
}

CTK_FEW_INLINE __m256i bytes32(const void *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}

CTK_FEW_INLINE __m256i twice(const void *p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
}

/// A planar block; `bits` is a constant.
CTK_FEW_INLINE struct run_codes dense_run(const uint8_t *block, const int bits) {
  struct run_codes c;
  if (bits == 8) {
    c.part[0] = bytes32(block);
    c.part[1] = bytes32(block + 32);
  } else if (bits == 4) {
    const __m256i two = bytes32(block), low = _mm256_set1_epi8(15);
    c.part[0] = _mm256_and_si256(two, low);
    c.part[1] = _mm256_and_si256(_mm256_srli_epi16(two, 4), low);
  } else {
    const __m256i four = twice(block), low = _mm256_set1_epi8(3);
    c.part[0] = _mm256_and_si256(_mm256_srlv_epi64(four, _mm256_setr_epi64x(0, 0, 2, 2)), low);
    c.part[1] = _mm256_and_si256(_mm256_srlv_epi64(four, _mm256_setr_epi64x(4, 4, 6, 6)), low);
    if (bits == 3) {
      const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
      for (int i = 0; i < 2; i++) {
        int32_t word;
        memcpy(&word, block + 16 + 4 * i, 4);
        // Each byte of the word eight times.
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

CTK_FEW_INLINE struct run_codes same_code(uint8_t code) {
  const __m256i all = _mm256_set1_epi8((char)code);
  return (struct run_codes){{all, all}};
}

/// One code per finer group.
CTK_FEW_INLINE struct run_codes codes_of_groups(const uint8_t *codes, struct fine_groups g) {
  return (struct run_codes){
      {_mm256_shuffle_epi8(twice(codes), g.byte),
       _mm256_shuffle_epi8(twice(codes + g.per_half), g.byte)}};
}

/// The next survivors where `kept` has ones, `zeros` elsewhere; reads 16 bytes from each on.
CTK_FEW_INLINE struct run_codes spread_run(
    const uint8_t **survivors, uint64_t kept, struct run_codes zeros) {
  struct run_codes c;
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
    // Where there is none, the number's highest bit is set.
    c.part[i] = _mm256_blendv_epi8(_mm256_shuffle_epi8(some, from), zeros.part[i], from);
    next += __builtin_popcount(mask);
  }
  *survivors = next;
  return c;
}

/// 2:4 sparsity: 32 survivors by the six bytes of their ranks.
CTK_FEW_INLINE struct run_codes spread_pairs(
    const uint8_t *survivors, const uint8_t *ranks, struct run_codes zeros) {
  // For each rank where four bytes come from, and in eight lanes the first code of each group.
  const __m256i sources = bytes32(ctk_spread_pairs);
  const __m256i first = _mm256_mullo_epi32(
      _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14), _mm256_set1_epi32(0x01010101));
  const __m256i place = _mm256_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21);
  struct run_codes c;
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    uint32_t word;
    memcpy(&word, ranks + 2 * i, 4);
    const __m256i rank = _mm256_srlv_epi32(_mm256_set1_epi32((int)(word >> 8 * i)), place);
    // The lookup takes three bits of each lane.
    const __m256i from = _mm256_add_epi8(_mm256_permutevar8x32_epi32(sources, rank), first);
    c.part[i] = _mm256_blendv_epi8(
        _mm256_shuffle_epi8(twice(survivors + 16 * i), from), zeros.part[i], from);
  }
  return c;
}

CTK_FEW_INLINE struct factors factors_of(struct run_codes c, const int wide) {
  struct factors f;
  const __m256i low = _mm256_set1_epi8(15);
  for (int i = 0; i < 2; i++) {
    f.part[i] = wide ? _mm256_and_si256(c.part[i], low) : c.part[i];
    f.part[2 + i] = wide ? _mm256_and_si256(_mm256_srli_epi16(c.part[i], 4), low) : low;
  }
  return f;
}

/// Σ f·x in sums of 32 bits over the columns of half a run, or of both; x: 64 high bytes, then 64
/// low ones. 16-bit sums of four products: at most 4·15·128 = 7680. `wide`, `from`, `to` are constants.
CTK_FEW_INLINE __m256i products(
    struct factors f, const int8_t *x, const int wide, const int from, const int to) {
  __m256i sum = _mm256_setzero_si256();
#pragma clang loop unroll(full)
  for (int part = 0; part < (wide ? 2 : 1); part++)
#pragma clang loop unroll(full)
    for (int plane = 0; plane < 2; plane++) {
      const int8_t *bytes = x + 64 * plane;
      __m256i pairs =
          _mm256_maddubs_epi16(f.part[2 * part + from], bytes32(bytes + 32 * from));
      if (to > from)
        pairs = _mm256_add_epi16(
            pairs, _mm256_maddubs_epi16(f.part[2 * part + to], bytes32(bytes + 32 * to)));
      const short weight = (short)((plane == 0 ? 256 : 1) * (part == 0 ? 1 : 16));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(weight)));
    }
  return sum;
}

/// sum + scale·Σ f·x, in lanes.
CTK_FEW_INLINE lanes add_run(
    lanes sum, struct factors f, const int8_t *x, float scale, float x_scale, const int wide) {
  const __m256 both = _mm256_mul_ps(_mm256_set1_ps(scale), _mm256_set1_ps(x_scale));
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(products(f, x, wide, 0, 1)), both, sum);
}

/// The same with a scale for each finer group.
CTK_FEW_INLINE lanes add_fine(
    lanes sum, struct factors f, const int8_t *x, const float *scales, float x_scale,
    struct fine_groups g, const int wide) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    const __m256 scale =
        _mm256_permutevar8x32_ps(_mm256_loadu_ps(scales + i * g.per_half), g.lane);
    sum = _mm256_fmadd_ps(
        _mm256_cvtepi32_ps(products(f, x, wide, i, i)),
        _mm256_mul_ps(scale, _mm256_set1_ps(x_scale)), sum);
  }
  return sum;
}

CTK_FEW_INLINE lanes no_sum(void) { return _mm256_setzero_ps(); }

CTK_FEW_INLINE float total(lanes sum) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps(sum, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
