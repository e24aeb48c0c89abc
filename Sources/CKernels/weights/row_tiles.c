#include "row_tiles.h"

#include "dispatch.h"
#include "planar_blocks.h"
#include "spread_codes.h"
#include "transpose.h"

enum { tile_block = 64 * ctk_tile_rows };  // weights in 64 columns of a tile

int64_t ctk_tile_start(const struct ctk_packed *w, intptr_t tile, intptr_t block) {
  const struct ctk_packed tiles = ctk_tiles(w);
  return ctk_survivors_before(&tiles, tile, ctk_tile_rows * block);
}

CTK_INLINE void body_of_ctk_turn_tile(
    const uint8_t *spread, const uint8_t *kept, const uint8_t *zeros, uint8_t *codes) {
  const m16 zero = __builtin_convertvector(bytes16(zeros), m16) * 0x01010101;
  v16 square[16];
  for (int q = 0; q < 16; q++) {
    m16 code, mask;
    memcpy(&code, spread + 64 * q, sizeof code);
    memcpy(&mask, kept + 64 * q, sizeof mask);
    square[q] = (v16)(code | (zero & ~mask));
  }
  CTK_TRANSPOSE16(square)
  for (int i = 0; i < 16; i++) memcpy(codes + i * ctk_tile_stride, &square[i], 64);
}
CTK_KERNEL(
    ctk_turn_tile,
    (const uint8_t *spread, const uint8_t *kept, const uint8_t *zeros, uint8_t *codes),
    (spread, kept, zeros, codes))

/// Expands the survivors of 64 columns of a tile to rows of codes; returns the number of survivors.
static intptr_t spread_tile(
    const uint64_t *words, const uint8_t *survivors, const uint8_t zeros[16], uint8_t *codes) {
  uint8_t spread[tile_block], kept[tile_block], ones[tile_block + 64];
  memset(ones, 255, sizeof ones);
  const intptr_t used = ctk_spread_codes(words, ctk_tile_rows, survivors, spread);
  ctk_spread_codes(words, ctk_tile_rows, ones, kept);
  ctk_turn_tile(spread, kept, zeros, codes);
  return used;
}

#if defined(__x86_64__)
CTK_AVX512_VNNI static intptr_t spread_tile_avx512(
    const uint64_t *words, const uint8_t *survivors, const uint8_t zeros[16], uint8_t *codes) {
  const __m512i zero = _mm512_mullo_epi32(
      _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)zeros)),
      _mm512_set1_epi32(0x01010101));
  const uint8_t *next = survivors;
  v16 square[16];
  for (int q = 0; q < 16; q++) {
    square[q] = (v16)_mm512_mask_expand_epi8(zero, words[q], _mm512_loadu_si512(next));
    next += __builtin_popcountll(words[q]);
  }
  CTK_TRANSPOSE16(square)
  for (int i = 0; i < 16; i++)
    _mm512_storeu_si512(codes + i * ctk_tile_stride, (__m512i)square[i]);
  return next - survivors;
}
#endif

int64_t ctk_tile_codes(
    const struct ctk_packed *w, intptr_t tile, intptr_t first, intptr_t last, int64_t survivor,
    uint8_t *codes) {
  enum { most = tile_block * ctk_tile_blocks };
  const struct ctk_packed tiles = ctk_tiles(w);
  const intptr_t blocks = last - first;
  uint64_t words[ctk_tile_rows * ctk_tile_blocks];
  uint8_t survivors[most + 3 * 64], zeros[16];
  ctk_mask_words(&tiles, tile, ctk_tile_rows * first, ctk_tile_rows * last, words);
  int64_t end = survivor;
  for (intptr_t i = 0; i < ctk_tile_rows * blocks; i++) end += __builtin_popcountll(words[i]);
  const uint8_t *in = w->codes + survivor / 64 * 8 * w->bits;
  const intptr_t count = (end + 63) / 64 - survivor / 64;
  const uint8_t *next = survivors + survivor % 64;
#if defined(__x86_64__)
  const int fast = ctk_has_bf16_products();
  if (fast) ctk_unpack_blocks_avx512(in, count, w->bits, survivors);
#else
  const int fast = 0;
#endif
  if (!fast) blocks_of_codes(in, count, w->bits, survivors);
  for (intptr_t b = 0; b < blocks; b++, codes += 64) {
    const intptr_t group = 64 * (first + b) / w->group_size;
    if (b == 0 || 64 * (first + b) % w->group_size == 0) ctk_tile_zeros(w, tile, group, zeros);
#if defined(__x86_64__)
    if (fast) {
      next += spread_tile_avx512(words + 16 * b, next, zeros, codes);
      continue;
    }
#endif
    next += spread_tile(words + 16 * b, next, zeros, codes);
  }
  return end;
}
