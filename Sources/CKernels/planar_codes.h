// Reading planar codes: single ones, and 64 at a time.
#pragma once
#include <math.h>

#include "bf16.h"
#include "half.h"
#include "unpack_planar.h"

static inline intptr_t ctk_groups(const struct ctk_packed *w) {
  return (w->columns + w->group_size - 1) / w->group_size;
}

static inline uint8_t ctk_single_code(const uint8_t *codes, int bits, int64_t index) {
  const uint8_t *block = codes + index / 64 * 8 * bits;
  const int i = (int)(index % 64);
  if (bits == 8) return block[i];
  if (bits == 4) return block[i % 32] >> (i / 32 * 4) & 15;
  const uint8_t low = block[i % 16] >> (i / 16 * 2) & 3;
  return bits == 2 ? low : (uint8_t)(low | (block[16 + i / 8] >> (i % 8) & 1) << 2);
}

static inline int ctk_is_sparse(const struct ctk_packed *w) { return w->mask || w->positions; }

/// n:m sparsity: survivors of a row.
static inline intptr_t ctk_kept_per_row(const struct ctk_packed *w) {
  const intptr_t rest = w->columns % w->of;
  return w->columns / w->of * w->kept + (rest < w->kept ? rest : w->kept);
}

/// Where a row's codes start, counted in codes.
static inline int64_t ctk_row_start(const struct ctk_packed *w, intptr_t row) {
  if (w->mask) return w->row_starts[row];
  if (w->positions) return row * ctk_kept_per_row(w);
  return row * ((w->columns + 63) / 64) * 64;
}

static inline unsigned ctk_position(const struct ctk_packed *w, int64_t index) {
  const int64_t bit = index * w->position_bits;
  unsigned both = w->positions[bit / 8];
  if (bit % 8 + w->position_bits > 8) both |= (unsigned)w->positions[bit / 8 + 1] << 8;
  return both >> (bit % 8) & ((1u << w->position_bits) - 1);
}

/// n:m sparsity: which of a row's columns 64·block … 64·block + 63 survive.
static inline uint64_t ctk_positions_word(
    const struct ctk_packed *w, intptr_t row, intptr_t block) {
  const int64_t start = row * ctk_kept_per_row(w);
  const intptr_t first = 64 * block;
  const intptr_t last = first + 64 < w->columns ? first + 64 : w->columns;
  uint64_t word = 0;
  for (intptr_t group = first / w->of; group * w->of < last; group++) {
    const intptr_t left = group * w->of, rest = w->columns - left;
    const intptr_t count = rest < w->kept ? rest : w->kept;
    for (intptr_t i = 0; i < count; i++) {
      const intptr_t column = left + ctk_position(w, start + group * w->kept + i);
      if (column >= first && column < last) word |= (uint64_t)1 << (column - first);
    }
  }
  return word;
}

/// Which of a row's columns 64·block … 64·block + 63 survive, of a matrix that is sparse.
static inline uint64_t ctk_mask_word(const struct ctk_packed *w, intptr_t row, intptr_t block) {
  if (!w->mask) return ctk_positions_word(w, row, block);
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
    const __m512i two = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)block));
    const __m512i shift = _mm512_setr_epi64(0, 0, 0, 0, 4, 4, 4, 4);
    return _mm512_and_si512(_mm512_srlv_epi64(two, shift), _mm512_set1_epi8(15));
  }
  const __m512i four = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)block));
  const __m512i shift = _mm512_setr_epi64(0, 0, 2, 2, 4, 4, 6, 6);
  const __m512i low = _mm512_and_si512(_mm512_srlv_epi64(four, shift), _mm512_set1_epi8(3));
  if (bits == 2) return low;
  uint64_t high;
  memcpy(&high, block + 16, 8);
  return _mm512_mask_add_epi8(low, (__mmask64)high, low, _mm512_set1_epi8(4));
}

/// As ctk_mask_word; places of 2:4 sparsity are turned into masks sixteen groups at a time.
CTK_BF16 static inline uint64_t ctk_mask_word_fast(
    const struct ctk_packed *w, intptr_t row, intptr_t block) {
  if (w->mask || w->kept != 2 || w->of != 4 || w->columns % 64 != 0)
    return ctk_mask_word(w, row, block);
  uint64_t places;
  memcpy(&places, w->positions + (row * w->columns / 64 + block) * 8, 8);
  // Two places of two bits are four bits: 1 << (i & 3) | 1 << (i >> 2).
  const __m128i masks = _mm_setr_epi8(1, 3, 5, 9, 3, 2, 6, 10, 5, 6, 4, 12, 9, 10, 12, 8);
  const __m128i v = _mm_cvtsi64_si128((long long)places), low = _mm_set1_epi8(15);
  const __m128i first = _mm_shuffle_epi8(masks, _mm_and_si128(v, low));
  const __m128i second = _mm_shuffle_epi8(masks, _mm_and_si128(_mm_srli_epi16(v, 4), low));
  return (uint64_t)_mm_cvtsi128_si64(_mm_or_si128(first, _mm_slli_epi16(second, 4)));
}

/// Whole blocks of codes, one byte each; `bits` is a constant.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_decode_blocks_of(
    const uint8_t *codes, intptr_t blocks, const int bits, uint8_t *out) {
  for (intptr_t b = 0; b < blocks; b++, codes += 8 * bits, out += 64) {
    _mm_prefetch((const char *)codes + ctk_codes_ahead, _MM_HINT_T0);
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
