// The loops of few_integer.h for sparse weights whose rows are interleaved: four columns of sixteen rows at a
// time, each row in a sum of its own, over the lanes of few_tile_lanes_avx2.h or few_tile_lanes_neon.h.
#pragma once
#include "few_rows.h"
#include "few_space.h"
#include "row_tiles.h"

typedef _Float16 halves __attribute__((vector_size(32)));

/// Scales of one group of a tile's rows, what is to be added to its sums for the zeros, and the zeros, each
/// four times.
struct tile_group {
  v16 scale, offset;
  struct run_codes zeros;
};

CTK_FEW_INLINE struct tile_group read_tile_group(
    const struct ctk_packed *w, intptr_t tile, intptr_t group) {
  uint8_t bytes[64];
  ctk_tile_zeros(w, tile, group, bytes);
  const m16 zeros = __builtin_convertvector(bytes16(bytes), m16);
  const m16 four = zeros * 0x01010101;
  struct tile_group g;
  halves half;
  memcpy(bytes, &four, sizeof four);
  g.zeros = dense_run(bytes, 8);
  memcpy(&half, w->scales + 32 * (tile * ctk_groups(w) + group), sizeof half);
  g.scale = __builtin_convertvector(half, v16) * v16_all(ctk_power_of_two(w->scale_exponent));
  g.offset = v16_all(w->bits == 8 ? eight_bit_bias : 0) - __builtin_convertvector(zeros, v16);
  return g;
}

/// The codes of one run of a tile on their way: survivors, one byte each, and masks or ranks.
struct tile_run {
  uint8_t codes[64 * (ctk_tile_rows + 3)];
  uint64_t words[ctk_tile_rows];
  const uint8_t *next, *ranks;
};

/// Reads run `b`, whose codes start at `survivor`; returns where the next one's do.
CTK_FEW_INLINE int64_t read_tile_run(
    const struct ctk_packed *w, const struct ctk_packed *tiles, intptr_t tile, intptr_t b,
    const int form, int64_t survivor, struct tile_run *r) {
  int64_t end = survivor;
  if (form == ctk_few_pairs) {
    r->ranks = w->ranks + 6 * ctk_tile_rows * (tile * ctk_runs(w->columns) + b);
    end += 32 * ctk_tile_rows;
  } else {
    ctk_mask_words(tiles, tile, ctk_tile_rows * b, ctk_tile_rows * (b + 1), r->words);
    for (int q = 0; q < ctk_tile_rows; q++) end += __builtin_popcountll(r->words[q]);
  }
  const uint8_t *in = w->codes + survivor / 64 * 8 * w->bits;
  const intptr_t blocks = (end + 63) / 64 - survivor / 64;
  for (intptr_t at = 0; at < blocks * 8 * w->bits; at += 64)
    __builtin_prefetch(in + at + ctk_few_ahead);
  blocks_of_codes(in, blocks, w->bits, r->codes);
  r->next = r->codes + survivor % 64;
  return end;
}

/// Results of rows first..<last; those of a tile that it shares with others are computed and left out.
/// `wide` (more than four bits), `form` and `count` are constants.
CTK_FEW_INLINE void multiply_tiles(
    const struct ctk_packed *w, const struct ctk_few_inputs *x, intptr_t first, intptr_t last,
    const int wide, const int form, const int count, float *y, intptr_t ldy) {
  const struct ctk_packed tiles = ctk_tiles(w);
  const intptr_t runs = ctk_runs(w->columns), groups = ctk_groups(w);
  for (intptr_t tile = first / ctk_tile_rows; tile * ctk_tile_rows < last; tile++) {
    int64_t survivor = ctk_row_start(&tiles, tile);
    v16 sum[ctk_few_rows] = {0};
    struct tile_group g;
    // A run ahead: bytes that were just written are slow to read at another alignment.
    struct tile_run both[2];
    survivor = read_tile_run(w, &tiles, tile, 0, form, survivor, &both[0]);
    for (intptr_t b = 0; b < runs; b++) {
      const struct tile_run *r = &both[b % 2];
      if (b + 1 < runs)
        survivor = read_tile_run(w, &tiles, tile, b + 1, form, survivor, &both[(b + 1) % 2]);
      if (64 * b % w->group_size == 0) {
        const intptr_t group = 64 * b / w->group_size;
        g = read_tile_group(w, tile, group);
        for (int j = 0; j < count; j++)
          sum[j] += g.scale * g.offset * v16_all(x->group_sums[j * groups + group]);
      }
      struct tile_sums sums[ctk_few_rows];
#pragma clang loop unroll(full)
      for (int j = 0; j < count; j++) sums[j] = no_tile_sums();
      const uint8_t *next = r->next;
      const struct run_codes zeros = g.zeros;
      for (int half = 0; half < 16; half += 8) {
#pragma clang loop unroll(full)
        for (int q = half; q < half + 8; q++) {
          const struct run_codes c = form == ctk_few_pairs
                                         ? spread_pairs(next + 32 * q, r->ranks + 6 * q, zeros)
                                         : spread_run(&next, r->words[q], zeros);
          const struct factors f = factors_of(c, wide);
#pragma clang loop unroll(full)
          for (int j = 0; j < count; j++)
            add_columns(&sums[j], f, x->values + 128 * (j * runs + b) + 4 * q, wide);
        }
#pragma clang loop unroll(full)
        for (int j = 0; j < count; j++) end_columns(&sums[j], wide);
      }
#pragma clang loop unroll(full)
      for (int j = 0; j < count; j++) {
        float floats[16];
        put_tile_sums(&sums[j], floats);
        sum[j] += v16_load(floats) * (g.scale * v16_all(x->scales[j * runs + b]));
      }
    }
    const intptr_t top = tile * ctk_tile_rows;
    for (intptr_t i = first > top ? first - top : 0; i < ctk_tile_rows && top + i < last; i++)
      for (int j = 0; j < count; j++) y[j * ldy + top + i] = sum[j][i];
  }
}

#define CTK_TILE_LOOP(name, wide, form)                                                           \
  CTK_FEW void name(                                                                              \
      const struct ctk_packed *w, const struct ctk_few_inputs *x, intptr_t first, intptr_t last,  \
      float *y, intptr_t ldy) {                                                                   \
    switch (x->rows) {                                                                            \
      case 1: multiply_tiles(w, x, first, last, wide, form, 1, y, ldy); break;                    \
      case 2: multiply_tiles(w, x, first, last, wide, form, 2, y, ldy); break;                    \
      case 3: multiply_tiles(w, x, first, last, wide, form, 3, y, ldy); break;                    \
      default: multiply_tiles(w, x, first, last, wide, form, 4, y, ldy); break;                   \
    }                                                                                             \
  }
CTK_TILE_LOOP(tiles_masked_4, 0, ctk_few_masked)
CTK_TILE_LOOP(tiles_masked_8, 1, ctk_few_masked)
CTK_TILE_LOOP(tiles_pairs_4, 0, ctk_few_pairs)
CTK_TILE_LOOP(tiles_pairs_8, 1, ctk_few_pairs)

CTK_FEW void multiply_few_tiles(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy) {
  if (w->ranks && w->kept == 2)
    (w->bits == 8 ? tiles_pairs_8 : tiles_pairs_4)(w, x, first, last, y, ldy);
  else
    (w->bits == 8 ? tiles_masked_8 : tiles_masked_4)(w, x, first, last, y, ldy);
}
