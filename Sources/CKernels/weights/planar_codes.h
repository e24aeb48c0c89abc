// Reading planar codes: single ones, and 64 at a time.
#pragma once
#include <math.h>

#include "bf16.h"
#include "half.h"
#include "ranks.h"
#include "unpack_planar.h"

static inline intptr_t ctk_groups(const struct ctk_packed *w) {
  return (w->columns + w->group_size - 1) / w->group_size;
}

/// Where the scale and the zero of a row's group stand.
static inline intptr_t ctk_group_place(const struct ctk_packed *w, intptr_t row, intptr_t group) {
  const intptr_t groups = ctk_groups(w);
  return w->interleaved ? (row / 16 * groups + group) * 16 + row % 16 : row * groups + group;
}

static inline uint8_t ctk_single_code(const uint8_t *codes, int bits, int64_t index) {
  const uint8_t *block = codes + index / 64 * 8 * bits;
  const int i = (int)(index % 64);
  if (bits == 8) return block[i];
  if (bits == 4) return block[i % 32] >> (i / 32 * 4) & 15;
  const uint8_t low = block[i % 16] >> (i / 16 * 2) & 3;
  return bits == 2 ? low : (uint8_t)(low | (block[16 + i / 8] >> (i % 8) & 1) << 2);
}

static inline int ctk_is_sparse(const struct ctk_packed *w) { return w->mask || w->ranks; }

/// n:m sparsity: survivors of a row.
static inline intptr_t ctk_kept_per_row(const struct ctk_packed *w) {
  const intptr_t rest = w->columns % w->of;
  return w->columns / w->of * w->kept + (rest < w->kept ? rest : w->kept);
}

/// Where a row's codes start, counted in codes.
static inline int64_t ctk_row_start(const struct ctk_packed *w, intptr_t row) {
  if (w->mask) return w->row_starts[row];
  if (w->ranks) return row * ctk_kept_per_row(w);
  return row * ((w->columns + 63) / 64) * 64;
}

/// Which of a row's columns 64·block … 64·block + 63 survive, of a matrix that is sparse.
static inline uint64_t ctk_mask_word(const struct ctk_packed *w, intptr_t row, intptr_t block) {
  if (!w->mask) return ctk_ranks_word(w, row, block);
  uint64_t word;
  memcpy(&word, w->mask + (row * ((w->columns + 63) / 64) + block) * 8, 8);
  return word;
}

/// 2^exponent, exponent within the range of normal numbers.
static inline float ctk_power_of_two(int exponent) {
  const uint32_t bits = (uint32_t)(exponent + 127) << 23;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

/// The scale of a group, counted over the whole matrix.
static inline float ctk_scale(const struct ctk_packed *w, intptr_t group) {
  uint16_t half;
  memcpy(&half, w->scales + group * 2, 2);
  return ctk_half_to_float(half) * ctk_power_of_two(w->scale_exponent);
}

static inline float ctk_zero(const struct ctk_packed *w, intptr_t group) {
  return w->zeros ? (float)ctk_single_code(w->zeros, w->bits, group) : (float)(1 << (w->bits - 1));
}

#if defined(__x86_64__)
// How far ahead of their use codes are asked for; a page ends the processor's own look-ahead.
enum { ctk_codes_ahead = 8192 };

/// A block of 64 codes, one byte each.
CTK_BF16 static inline __m512i ctk_codes64(const uint8_t *block, int bits) {
  if (bits == 8) return _mm512_loadu_si512(block);
  if (bits == 4) {
    const __m256i two = _mm256_loadu_si256((const __m256i *)(const void *)block);
    return _mm512_and_si512(
        _mm512_inserti64x4(_mm512_castsi256_si512(two), _mm256_srli_epi16(two, 4), 1),
        _mm512_set1_epi8(15));
  }
  const __m512i four = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)block));
  const __m512i shift = _mm512_setr_epi64(0, 0, 2, 2, 4, 4, 6, 6);
  const __m512i low = _mm512_and_si512(_mm512_srlv_epi64(four, shift), _mm512_set1_epi8(3));
  if (bits == 2) return low;
  uint64_t high;
  memcpy(&high, block + 16, 8);
  return _mm512_mask_add_epi8(low, (__mmask64)high, low, _mm512_set1_epi8(4));
}

/// As ctk_mask_word; the ranks of 2:4 and 4:8 sparsity are looked up side by side.
CTK_BF16 static inline uint64_t ctk_mask_word_fast(
    const struct ctk_packed *w, intptr_t row, intptr_t block) {
  if (w->mask || w->columns % 64 != 0) return ctk_mask_word(w, row, block);
  const int64_t run = row * (w->columns / 64) + block;
  uint64_t ranks = 0;
  if (w->kept == 2 && w->of == 4) {
    // Three bits at each of 16 places, as bytes; the fourth bit is the neighbour's and is ignored.
    memcpy(&ranks, w->ranks + 6 * run, 6);
    const __m128i place = _mm_setr_epi8(0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45);
    const __m128i rank = _mm_and_si128(
        _mm_multishift_epi64_epi8(place, _mm_set1_epi64x((long long)ranks)), _mm_set1_epi8(7));
    const __m128i kept = _mm_shuffle_epi8(
        _mm_loadl_epi64((const __m128i *)(const void *)ctk_two_of_four), rank);
    // 16 nibbles, two to a byte.
    return (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(
        _mm_maddubs_epi16(kept, _mm_set1_epi16(0x1001)), _mm_setzero_si128()));
  }
  if (w->kept == 4 && w->of == 8) {
    memcpy(&ranks, w->ranks + 7 * run, 7);
    const __m512i place = _mm512_castsi128_si512(_mm_setr_epi8(
        0, 7, 14, 21, 28, 35, 42, 49, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m512i rank = _mm512_multishift_epi64_epi8(place, _mm512_set1_epi64((long long)ranks));
    const __m512i kept = _mm512_permutex2var_epi8(
        _mm512_loadu_si512(ctk_four_of_eight), rank, _mm512_loadu_si512(ctk_four_of_eight + 64));
    return (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(kept));
  }
  return ctk_mask_word(w, row, block);
}

/// Whole blocks of codes, one byte each; `bits` is a constant.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_decode_blocks_of(
    const uint8_t *codes, intptr_t blocks, const int bits, uint8_t *out) {
  for (intptr_t b = 0; b < blocks; b++, codes += 8 * bits, out += 64) {
    if (bits == 8 || b % 2 == 0)
      _mm_prefetch((const char *)codes + ctk_codes_ahead, _MM_HINT_T1);
    _mm512_storeu_si512(out, ctk_codes64(codes, bits));
  }
}

CTK_BF16 static inline void ctk_decode_blocks(
    const uint8_t *codes, intptr_t blocks, int bits, uint8_t *out) {
  switch (bits) {
    case 2: ctk_decode_blocks_of(codes, blocks, 2, out); break;
    case 3: ctk_decode_blocks_of(codes, blocks, 3, out); break;
    case 4: ctk_decode_blocks_of(codes, blocks, 4, out); break;
    default: ctk_decode_blocks_of(codes, blocks, 8, out); break;
  }
}

/// The codes of a sparse row's survivors from block `first` on up to block `last`, in `scratch`;
/// returns where the first one is. At least 64 bytes can be read from each survivor on.
CTK_BF16 static inline const uint8_t *ctk_survivors(
    const struct ctk_packed *w, intptr_t row, intptr_t first, intptr_t last, uint8_t *scratch) {
  int64_t start = ctk_row_start(w, row), end = start;
  for (intptr_t b = 0; b < first; b++)
    start += __builtin_popcountll(ctk_mask_word_fast(w, row, b));
  if (64 * last >= w->columns) {
    end = w->mask ? w->row_starts[row + 1] : end + ctk_kept_per_row(w);
  } else {
    end = start;
    for (intptr_t b = first; b < last; b++)
      end += __builtin_popcountll(ctk_mask_word_fast(w, row, b));
  }
  const int64_t block = start / 64;
  ctk_decode_blocks(
      w->codes + block * 8 * w->bits, (end + 63) / 64 - block, w->bits, scratch);
  return scratch + (start - 64 * block);
}
#endif
