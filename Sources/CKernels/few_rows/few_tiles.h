// What few_rows_tiles.h multiplies: tiles of interleaved rows as their loop takes them, and the memory that
// they work in.
#pragma once
#include "few_rows_masked.h"
#include "few_rows_ranks.h"
#include "row_tiles.h"

enum {
  ctk_ring = 4096,    // codes
  ctk_ring_step = 8,  // blocks that are decoded at a time, fewer at the end: what a run of 50 % takes
  // Codes that one run can take at most, with what is read beyond.
  ctk_most_of_run = 64 * ctk_tile_rows + 64,
};

/// Bytes of the arrays of a product.
struct ctk_tile_space {
  intptr_t ring, zeros, words;
};

static inline struct ctk_tile_space ctk_tile_space(const struct ctk_packed *w) {
  return (struct ctk_tile_space){
      ctk_ring + 64, ctk_tile_rows * ctk_groups(w) + 3 * 64,
      ctk_tile_rows * 8 * ctk_runs(w->columns)};
}

static inline intptr_t ctk_tile_scratch(const struct ctk_packed *w) {
  const struct ctk_tile_space s = ctk_tile_space(w);
  return s.ring + s.zeros + s.words + 3 * 64;
}

#if defined(__x86_64__)

/// What the tiles of one product have in common, and the memory that they work in.
struct ctk_tile_product {
  const struct ctk_packed *w;
  const struct ctk_few_inputs *x;
  intptr_t runs, groups, per_group;  // runs in a group
  uint8_t *ring, *zeros;
  uint64_t *words;
  uint8_t sources[64];  // pairs: as ctk_pair_sources() gives them
};

/// Survivors' codes on their way through the masked tiles of a product: one stream, from row to row and from
/// tile to tile. They become bytes in a ring that stays in the first level of the caches, some runs before
/// they are read: bytes that were just written would be slow to read at another alignment.
struct ctk_code_stream {
  const uint8_t *in;    // the next block that isn't decoded
  intptr_t blocks;      // from there on
  uint8_t *ring;        // its first 64 bytes stand behind its end once more
  uintptr_t written, read;  // codes, counted from the first block
};

/// A tile of weights as its loop takes it.
struct ctk_tile {
  const uint8_t *codes;  // where pairs; of masked tiles they come from a stream
  const uint64_t *words;
  const uint8_t *ranks;   // pairs: twelve bytes for two registers
  const uint8_t *zeros;   // [groups, 16]
  const uint8_t *scales;  // float16, [groups, 16]
};

/// Decodes the next block to `place` of the ring; `bits` is a constant.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_decode_next(
    struct ctk_code_stream *s, uint8_t *place, const int bits) {
  _mm512_storeu_si512(place, ctk_codes64(s->in, bits));
  s->in += 8 * bits;
}

/// Where the next blocks, at most ctk_ring_step, go; they have to be decoded then.
CTK_BF16 static inline __attribute__((always_inline)) uint8_t *ctk_next_blocks(
    struct ctk_code_stream *s, intptr_t count, const int bits) {
  uint8_t *place = s->ring + s->written % ctk_ring;
  if (place == s->ring) _mm512_storeu_si512(place + ctk_ring, ctk_codes64(s->in, bits));
  s->blocks -= count;
  s->written += 64 * (uintptr_t)count;
  return place;
}

/// Decodes until a run can be read.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_fill_ring(
    struct ctk_code_stream *s, const int bits) {
  while (s->blocks > 0 && s->written < s->read + ctk_most_of_run) {
    const intptr_t count = s->blocks < ctk_ring_step ? s->blocks : ctk_ring_step;
    uint8_t *place = ctk_next_blocks(s, count, bits);
    for (intptr_t i = 0; i < count; i++) {
      _mm_prefetch((const char *)s->in + ctk_codes_ahead, _MM_HINT_T1);
      ctk_decode_next(s, place + 64 * i, bits);
    }
  }
}

/// A tile's zeros, one byte each.
CTK_BF16 static const uint8_t *zeros_of_tile(const struct ctk_tile_product *p, intptr_t tile) {
  const intptr_t count = ctk_tile_rows * p->groups, start = tile * count, block = start / 64;
  if (!p->w->zeros) return p->zeros;
  const uint8_t *in = p->w->zeros + block * 8 * p->w->bits;
  _mm_prefetch((const char *)in + ctk_codes_ahead / 8, _MM_HINT_T1);
  ctk_decode_blocks(in, (start + count + 63) / 64 - block, p->w->bits, p->zeros);
  return p->zeros + (start - 64 * block);
}

/// The codes of masked tiles begin..<end.
CTK_BF16 static struct ctk_code_stream codes_of_tiles(
    const struct ctk_packed *tiles, intptr_t begin, intptr_t end, uint8_t *ring) {
  const int64_t start = ctk_row_start(tiles, begin), stop = ctk_row_start(tiles, end);
  const int64_t block = start / 64;
  return (struct ctk_code_stream){
      .in = tiles->codes + block * 8 * tiles->bits, .blocks = (stop + 63) / 64 - block,
      .ring = ring, .read = start - 64 * block};
}

CTK_BF16 static struct ctk_tile_product ctk_tile_product(
    const struct ctk_packed *w, const struct ctk_few_inputs *x, uint8_t *scratch) {
  const struct ctk_tile_space space = ctk_tile_space(w);
  struct ctk_tile_product p = {
      .w = w, .x = x, .runs = ctk_runs(w->columns), .groups = ctk_groups(w),
      .per_group = w->group_size / 64};
  p.ring = take(&scratch, space.ring);
  p.zeros = take(&scratch, space.zeros);
  p.words = take(&scratch, space.words);
  _mm512_storeu_si512(p.sources, ctk_pair_sources());
  if (!w->zeros) memset(p.zeros, 1 << (w->bits - 1), (size_t)space.zeros);
  return p;
}
#endif
