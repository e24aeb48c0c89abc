// What few_rows_tiles.h multiplies: tiles of interleaved rows as their loop takes them, and the memory that
// they work in.
#pragma once
#include "few_rows_masked.h"
#include "few_rows_ranks.h"
#include "row_tiles.h"

/// Bytes of the arrays of a product.
struct ctk_tile_space {
  intptr_t codes, zeros, words;
};

static inline struct ctk_tile_space ctk_tile_space(const struct ctk_packed *w) {
  const intptr_t runs = ctk_runs(w->columns), codes = ctk_tile_rows * 64 * runs + 3 * 64;
  // Codes are read from one array while others are written to the second: not at the same place of a page,
  // where the processor would take the one for the other.
  return (struct ctk_tile_space){
      (codes + 4095) / 4096 * 4096 + 2048, ctk_tile_rows * ctk_groups(w) + 3 * 64,
      ctk_tile_rows * 8 * runs};
}

static inline intptr_t ctk_tile_scratch(const struct ctk_packed *w) {
  const struct ctk_tile_space s = ctk_tile_space(w);
  return 2 * s.codes + s.zeros + s.words + 4 * 64;
}

#if defined(__x86_64__)

/// What the tiles of one product have in common, and the memory that they work in.
struct ctk_tile_product {
  const struct ctk_packed *w;
  const struct ctk_few_inputs *x;
  intptr_t runs, groups, per_group;  // runs in a group
  uint8_t *codes[2], *zeros;
  uint64_t *words;
  uint8_t sources[64];  // pairs: as ctk_pair_sources() gives them
};

/// A tile of weights as its loop takes it.
struct ctk_tile {
  const uint8_t *codes;  // survivors, one byte each; where pairs: as they are stored
  const uint64_t *words;
  const uint8_t *ranks;   // pairs: twelve bytes for two registers
  const uint8_t *zeros;   // [groups, 16]
  const uint8_t *scales;  // float16, [groups, 16]
};

/// A tile's zeros, one byte each.
CTK_BF16 static const uint8_t *zeros_of_tile(const struct ctk_tile_product *p, intptr_t tile) {
  const intptr_t count = ctk_tile_rows * p->groups, start = tile * count, block = start / 64;
  if (!p->w->zeros) return p->zeros;
  const uint8_t *in = p->w->zeros + block * 8 * p->w->bits;
  _mm_prefetch((const char *)in + ctk_codes_ahead / 8, _MM_HINT_T1);
  ctk_decode_blocks(in, (start + count + 63) / 64 - block, p->w->bits, p->zeros);
  return p->zeros + (start - 64 * block);
}

/// A masked tile's codes that are to be decoded, to `out`, and where they will then be.
CTK_BF16 static struct ctk_waiting codes_of_tile(
    const struct ctk_packed *tiles, intptr_t tile, uint8_t *out, const uint8_t **codes) {
  const int64_t start = ctk_row_start(tiles, tile), end = ctk_row_start(tiles, tile + 1);
  const int64_t block = start / 64;
  *codes = out + (start - 64 * block);
  return (struct ctk_waiting){
      tiles->codes + block * 8 * tiles->bits, out, (end + 63) / 64 - block};
}

CTK_BF16 static struct ctk_tile_product ctk_tile_product(
    const struct ctk_packed *w, const struct ctk_few_inputs *x, uint8_t *scratch) {
  const struct ctk_tile_space space = ctk_tile_space(w);
  struct ctk_tile_product p = {
      .w = w, .x = x, .runs = ctk_runs(w->columns), .groups = ctk_groups(w),
      .per_group = w->group_size / 64};
  p.codes[0] = take(&scratch, space.codes);
  p.codes[1] = take(&scratch, space.codes);
  p.zeros = take(&scratch, space.zeros);
  p.words = take(&scratch, space.words);
  _mm512_storeu_si512(p.sources, ctk_pair_sources());
  if (!w->zeros) memset(p.zeros, 1 << (w->bits - 1), (size_t)space.zeros);
  return p;
}
#endif
