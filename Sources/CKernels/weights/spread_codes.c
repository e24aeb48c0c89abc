#include "spread_codes.h"

#include "planar_codes.h"
#include "vectors.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

// Column i of a mask as byte i: the number of survivors before it, or 0x80 where it is masked out.
#define COLUMN(mask, i)                                                                     \
  ((uint64_t)((mask) >> (i) & 1 ? __builtin_popcount((mask) & ((1 << (i)) - 1)) : 0x80) << 8 * (i))
#define COLUMNS4(mask) (COLUMN(mask, 0) | COLUMN(mask, 1) | COLUMN(mask, 2) | COLUMN(mask, 3))
#define COLUMNS8(mask) \
  (COLUMNS4(mask) | COLUMN(mask, 4) | COLUMN(mask, 5) | COLUMN(mask, 6) | COLUMN(mask, 7))

#define MASKS4(m) COLUMNS8(m), COLUMNS8((m) + 1), COLUMNS8((m) + 2), COLUMNS8((m) + 3)
#define MASKS16(m) MASKS4(m), MASKS4((m) + 4), MASKS4((m) + 8), MASKS4((m) + 12)
#define MASKS64(m) MASKS16(m), MASKS16((m) + 16), MASKS16((m) + 32), MASKS16((m) + 48)
const uint64_t ctk_spread_table[256] = {MASKS64(0), MASKS64(64), MASKS64(128), MASKS64(192)};

const uint32_t ctk_spread_pairs[8] = {CTK_TWO_OF_FOUR(COLUMNS4)};

// The masks of 8 columns for each pair of ranks of 2:4 sparsity (six bits, the first rank in the
// low three).
#define AND_SECOND(second)                                                                     \
  0x3 | (second) << 4, 0x5 | (second) << 4, 0x6 | (second) << 4, 0x9 | (second) << 4,          \
      0xa | (second) << 4, 0xc | (second) << 4, 0xc | (second) << 4, 0xc | (second) << 4
static const uint8_t two_of_four_twice[64] = {CTK_TWO_OF_FOUR(AND_SECOND)};

/// The number of bits set in `words` 64-bit words.
CTK_INLINE int64_t count_bits(const uint8_t *bytes, intptr_t words) {
  int64_t count = 0;
  for (intptr_t i = 0; i < words; i++) {
    uint64_t word;
    memcpy(&word, bytes + 8 * i, 8);
    count += __builtin_popcountll(word);
  }
  return count;
}

#if defined(__x86_64__)
__attribute__((target("avx2,popcnt"))) static int64_t count_bits_avx2(
    const uint8_t *bytes, intptr_t words) {
  return count_bits(bytes, words);
}
#endif

static int64_t set_bits(const uint8_t *bytes, intptr_t words) {
#if defined(__x86_64__)
  if (ctk_level() >= ctk_level_avx2) return count_bits_avx2(bytes, words);
#endif
  return count_bits(bytes, words);
}

int64_t ctk_survivors_before(const struct ctk_packed *w, intptr_t row, intptr_t block) {
  if (w->mask) {
    // Count from the nearer end of the row.
    const intptr_t blocks = (w->columns + 63) / 64, back = blocks - block;
    const uint8_t *bytes = w->mask + row * blocks * 8;
    if (block <= back) return w->row_starts[row] + set_bits(bytes, block);
    return w->row_starts[row + 1] - set_bits(bytes + 8 * block, back);
  }
  int64_t start = ctk_row_start(w, row);
  // Whole groups have `kept` survivors each. In a group that the block's start cuts, the bits
  // before the cut are counted.
  const int cut = (int)(64 * block % w->of);
  start += 64 * block / w->of * w->kept;
  if (cut > 0) start += __builtin_popcountll(ctk_mask_word(w, row, block - 1) >> (64 - cut));
  return start;
}

void ctk_mask_words(
    const struct ctk_packed *w, intptr_t row, intptr_t first, intptr_t last, uint64_t *words) {
  const intptr_t count = last - first, runs = (w->columns + 63) / 64;
  if (w->mask) {
    memcpy(words, w->mask + (row * runs + first) * 8, (size_t)count * 8);
  } else if (w->kept == 2 && w->of == 4 && w->columns % 64 == 0) {
    for (intptr_t b = 0; b < count; b++) {
      uint64_t ranks = 0, word = 0;
      memcpy(&ranks, w->ranks + 6 * (row * runs + first + b), 6);
      for (int i = 0; i < 8; i++)
        word |= (uint64_t)two_of_four_twice[ranks >> 6 * i & 63] << 8 * i;
      words[b] = word;
    }
  } else if (w->kept == 4 && w->of == 8 && w->columns % 64 == 0) {
    for (intptr_t b = 0; b < count; b++) {
      uint64_t ranks = 0, word = 0;
      memcpy(&ranks, w->ranks + 7 * (row * runs + first + b), 7);
      for (int i = 0; i < 8; i++)
        word |= (uint64_t)ctk_four_of_eight[ranks >> 7 * i & 127] << 8 * i;
      words[b] = word;
    }
  } else {
    for (intptr_t b = 0; b < count; b++) words[b] = ctk_ranks_word(w, row, first + b);
  }
}

intptr_t ctk_spread_codes_ref(
    const uint64_t *words, intptr_t blocks, const uint8_t *survivors, uint8_t *codes) {
  intptr_t used = 0;
  for (intptr_t i = 0; i < 64 * blocks; i++) {
    // Branch-free: the bits of a mask can't be predicted.
    const int kept = words[i / 64] >> (i % 64) & 1;
    codes[i] = (uint8_t)(survivors[used] & -kept);
    used += kept;
  }
  return used;
}

#if defined(__x86_64__)
__attribute__((target("avx2,popcnt"))) static intptr_t spread_avx2(
    const uint64_t *words, intptr_t blocks, const uint8_t *survivors, uint8_t *codes) {
  const uint8_t *next = survivors;
  for (intptr_t i = 0; i < 64 * blocks; i += 16) {
    const uint32_t mask = (uint32_t)(words[i / 64] >> (i % 64)) & 0xffff;
    const uint64_t before = (uint64_t)__builtin_popcount(mask & 255) * 0x0101010101010101;
    const __m128i from = _mm_set_epi64x(
        (long long)(ctk_spread_table[mask >> 8] + before),
        (long long)ctk_spread_table[mask & 255]);
    const __m128i some = _mm_loadu_si128((const __m128i *)(const void *)next);
    _mm_storeu_si128((__m128i *)(void *)(codes + i), _mm_shuffle_epi8(some, from));
    next += __builtin_popcount(mask);
  }
  return next - survivors;
}
#elif defined(__aarch64__)
static intptr_t spread_neon(
    const uint64_t *words, intptr_t blocks, const uint8_t *survivors, uint8_t *codes) {
  const uint8_t *next = survivors;
  for (intptr_t i = 0; i < 64 * blocks; i += 8) {
    const uint32_t mask = (uint32_t)(words[i / 64] >> (i % 64)) & 255;
    vst1_u8(codes + i, vtbl1_u8(vld1_u8(next), vcreate_u8(ctk_spread_table[mask])));
    next += __builtin_popcount(mask);
  }
  return next - survivors;
}
#endif

intptr_t ctk_spread_codes(
    const uint64_t *words, intptr_t blocks, const uint8_t *survivors, uint8_t *codes) {
#if defined(__x86_64__)
  // Processors with AVX2 have PSHUFB and POPCNT.
  if (ctk_level() >= ctk_level_avx2) return spread_avx2(words, blocks, survivors, codes);
#elif defined(__aarch64__)
  return spread_neon(words, blocks, survivors, codes);
#endif
  return ctk_spread_codes_ref(words, blocks, survivors, codes);
}
