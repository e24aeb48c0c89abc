// Offsets of the parts of a packed matrix, access to single codes, and unpacking of 64 codes at a
// time with AVX-512.
#pragma once
#include <string.h>

#include "half.h"
#include "ranks.h"
#include "targets.h"
#include "unpack_planar.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static inline intptr_t ctk_groups(const struct ctk_packed *w) {
  return (w->columns + w->group_size - 1) / w->group_size;
}

/// The index of the scale and the zero point of a row's group.
static inline intptr_t ctk_group_place(const struct ctk_packed *w, intptr_t row, intptr_t group) {
  const intptr_t groups = ctk_groups(w);
  return w->interleaved ? (row / 16 * groups + group) * 16 + row % 16 : row * groups + group;
}

/// The code at `index` of a stream of planar blocks.
static inline uint8_t ctk_single_code(const uint8_t *codes, int bits, int64_t index) {
  const uint8_t *block = codes + index / 64 * 8 * bits;
  const int i = (int)(index % 64);
  if (bits == 8) return block[i];
  if (bits == 4) return block[i % 32] >> (i / 32 * 4) & 15;
  const uint8_t low = block[i % 16] >> (i / 16 * 2) & 3;
  return bits == 2 ? low : (uint8_t)(low | (block[16 + i / 8] >> (i % 8) & 1) << 2);
}

static inline int ctk_is_sparse(const struct ctk_packed *w) { return w->mask || w->ranks; }

/// The number of survivors per row under n:m sparsity.
static inline intptr_t ctk_kept_per_row(const struct ctk_packed *w) {
  const intptr_t rest = w->columns % w->of;
  return w->columns / w->of * w->kept + (rest < w->kept ? rest : w->kept);
}

/// The index of a row's first code.
static inline int64_t ctk_row_start(const struct ctk_packed *w, intptr_t row) {
  if (w->mask) return w->row_starts[row];
  if (w->ranks) return row * ctk_kept_per_row(w);
  return row * ((w->columns + 63) / 64) * 64;
}

/// The mask of columns 64·block … 64·block + 63 of a row of a sparse matrix.
static inline uint64_t ctk_mask_word(const struct ctk_packed *w, intptr_t row, intptr_t block) {
  if (!w->mask) return ctk_ranks_word(w, row, block);
  uint64_t word;
  memcpy(&word, w->mask + (row * ((w->columns + 63) / 64) + block) * 8, 8);
  return word;
}

/// 2^exponent, for −126 ≤ exponent ≤ 127.
static inline float ctk_power_of_two(int exponent) {
  const uint32_t bits = (uint32_t)(exponent + 127) << 23;
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

/// The scale of the group with index `group` in the whole matrix.
static inline float ctk_scale(const struct ctk_packed *w, intptr_t group) {
  uint16_t half;
  memcpy(&half, w->scales + group * 2, 2);
  return ctk_half_to_float(half) * ctk_power_of_two(w->scale_exponent);
}

/// The zero point of the group with index `group` in the whole matrix.
static inline float ctk_zero(const struct ctk_packed *w, intptr_t group) {
  return w->zeros ? (float)ctk_single_code(w->zeros, w->bits, group) : (float)(1 << (w->bits - 1));
}

enum { ctk_tile_rows = 16 };  // rows of an interleaved matrix that share a tile

/// The matrix whose rows are the tiles of an interleaved one, in the order in which codes are
/// stored and without scales. Its blocks 16·b … 16·b + 15 are the columns 64·b … 64·b + 63 of a
/// tile.
static inline struct ctk_packed ctk_tiles(const struct ctk_packed *w) {
  struct ctk_packed tiles = *w;
  tiles.rows /= ctk_tile_rows;
  tiles.columns *= ctk_tile_rows;
  tiles.scales = tiles.zeros = 0;
  tiles.interleaved = 0;
  return tiles;
}

/// The column of a weight in its tile's row of ctk_tiles().
static inline intptr_t ctk_tile_place(intptr_t row, intptr_t column) {
  return column / 4 * 64 + row % ctk_tile_rows * 4 + column % 4;
}

/// The software prefetch distance of packed codes into the L2 cache, in bytes. The hardware
/// prefetcher stops at page boundaries.
enum { ctk_prefetch_distance = 8192 };

#if defined(__x86_64__)
/// Unpacks a block of 64 codes to one byte each.
CTK_AVX512_VNNI static inline __m512i ctk_codes64(const uint8_t *block, int bits) {
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

/// ctk_mask_word with the ranks of 2:4 and 4:8 sparsity looked up in parallel.
CTK_AVX512_VNNI static inline uint64_t ctk_mask_word_avx512(
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

/// Unpacks whole blocks of codes to one byte each; `bits` is a compile-time constant.
CTK_AVX512_VNNI_INLINE void ctk_unpack_blocks_of(
    const uint8_t *codes, intptr_t blocks, const int bits, uint8_t *out) {
  for (intptr_t b = 0; b < blocks; b++, codes += 8 * bits, out += 64) {
    if (bits == 8 || b % 2 == 0)
      _mm_prefetch((const char *)codes + ctk_prefetch_distance, _MM_HINT_T1);
    _mm512_storeu_si512(out, ctk_codes64(codes, bits));
  }
}

CTK_AVX512_VNNI static inline void ctk_unpack_blocks_avx512(
    const uint8_t *codes, intptr_t blocks, int bits, uint8_t *out) {
  switch (bits) {
    case 2: ctk_unpack_blocks_of(codes, blocks, 2, out); break;
    case 3: ctk_unpack_blocks_of(codes, blocks, 3, out); break;
    case 4: ctk_unpack_blocks_of(codes, blocks, 4, out); break;
    default: ctk_unpack_blocks_of(codes, blocks, 8, out); break;
  }
}

/// The masks of all blocks of a row: in place if they are stored as aligned words, otherwise copied
/// or expanded from ranks into `space`.
CTK_AVX512_VNNI_INLINE const uint64_t *ctk_mask_words_avx512(
    const struct ctk_packed *w, intptr_t row, uint64_t *space) {
  const intptr_t runs = (w->columns + 63) / 64;
  const uint8_t *mask = w->mask ? w->mask + row * runs * 8 : 0;
  if (mask && (uintptr_t)mask % 8 == 0) return (const uint64_t *)(const void *)mask;
  if (mask)
    memcpy(space, mask, (size_t)runs * 8);
  else
    for (intptr_t b = 0; b < runs; b++) space[b] = ctk_mask_word_avx512(w, row, b);
  return space;
}
#endif
