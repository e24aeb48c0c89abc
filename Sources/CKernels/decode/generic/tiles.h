// The decode product over interleaved tiles of sparse weights, written once with the primitives of
// lanes.h: four columns of sixteen rows at a time, each row with its own 32-bit sum.
#pragma once
#include "decode_kernels.h"
#include "lanes.h"
#include "planar_blocks.h"
#include "planar_codes.h"
#include "spread_codes.h"
#include "vectors.h"

/// One quantization group of a tile's sixteen rows: scales, minus the zero points as an offset to
/// the codes, and the zero points as bytes, each four times.
struct generic_tile_group {
  v16 scale, offset;
  struct LANES(codes) zeros;
};

CTK_LANES_INLINE struct generic_tile_group generic_read_tile_group(
    const struct ctk_packed *w, intptr_t tile, intptr_t group) {
  uint8_t bytes[64];
  ctk_tile_zeros(w, tile, group, bytes);
  const m16 zeros = __builtin_convertvector(bytes16(bytes), m16);
  const m16 four = zeros * 0x01010101;
  struct generic_tile_group g;
  generic_halves half;
  memcpy(bytes, &four, sizeof four);
  g.zeros = LANES(unpack_run)(bytes, 8);
  memcpy(&half, w->scales + 32 * (tile * ctk_groups(w) + group), sizeof half);
  g.scale = __builtin_convertvector(half, v16) * v16_all(ctk_power_of_two(w->scale_exponent));
  g.offset =
      v16_all(w->bits == 8 ? LANES(eight_bit_bias) : 0) - __builtin_convertvector(zeros, v16);
  return g;
}

/// One run of a tile: survivors' codes, one byte each, and masks or ranks.
struct generic_tile_run {
  uint8_t codes[64 * (ctk_tile_rows + 3)];
  uint64_t words[ctk_tile_rows];
  const uint8_t *next, *ranks;
};

/// Reads run `b`, whose first survivor has the index `survivor`; returns the index of the next
/// run's.
CTK_LANES_INLINE int64_t generic_read_tile_run(
    const struct ctk_packed *w, const struct ctk_packed *tiles, intptr_t tile, intptr_t b,
    const int form, int64_t survivor, struct generic_tile_run *r) {
  int64_t end = survivor;
  if (form == generic_pairs) {
    r->ranks = w->ranks + 6 * ctk_tile_rows * (tile * ctk_runs(w->columns) + b);
    end += 32 * ctk_tile_rows;
  } else {
    ctk_mask_words(tiles, tile, ctk_tile_rows * b, ctk_tile_rows * (b + 1), r->words);
    for (int q = 0; q < ctk_tile_rows; q++) end += __builtin_popcountll(r->words[q]);
  }
  const uint8_t *in = w->codes + survivor / 64 * 8 * w->bits;
  const intptr_t blocks = (end + 63) / 64 - survivor / 64;
  for (intptr_t at = 0; at < blocks * 8 * w->bits; at += 64)
    __builtin_prefetch(in + at + ctk_prefetch_distance);
  blocks_of_codes(in, blocks, w->bits, r->codes);
  r->next = r->codes + survivor % 64;
  return end;
}

/// Computes results of rows first..<last. Tiles are computed whole, and the results of rows outside
/// of this range are discarded. `wide` (more than four bits), `form` and `count` are constants.
CTK_LANES_INLINE void generic_multiply_tile_rows(
    const struct ctk_packed *w, const struct ctk_decode_inputs *x, intptr_t first, intptr_t last,
    const int wide, const int form, const int count, float *y, intptr_t ldy) {
  const struct ctk_packed tiles = ctk_tiles(w);
  const intptr_t runs = ctk_runs(w->columns), groups = ctk_groups(w);
  for (intptr_t tile = first / ctk_tile_rows; tile * ctk_tile_rows < last; tile++) {
    int64_t survivor = ctk_row_start(&tiles, tile);
    v16 sum[ctk_decode_pass_rows] = {0};
    struct generic_tile_group g;
    // Runs are unpacked one ahead, against store-forwarding stalls: survivors are read at any
    // alignment.
    struct generic_tile_run both[2];
    survivor = generic_read_tile_run(w, &tiles, tile, 0, form, survivor, &both[0]);
    for (intptr_t b = 0; b < runs; b++) {
      const struct generic_tile_run *r = &both[b % 2];
      if (b + 1 < runs)
        survivor =
            generic_read_tile_run(w, &tiles, tile, b + 1, form, survivor, &both[(b + 1) % 2]);
      if (64 * b % w->group_size == 0) {
        const intptr_t group = 64 * b / w->group_size;
        g = generic_read_tile_group(w, tile, group);
        for (int j = 0; j < count; j++)
          sum[j] += g.scale * g.offset * v16_all(x->group_sums[j * groups + group]);
      }
      struct LANES(tile_sums) sums[ctk_decode_pass_rows];
#pragma clang loop unroll(full)
      for (int j = 0; j < count; j++) sums[j] = LANES(no_tile_sums)();
      const uint8_t *next = r->next;
      const struct LANES(codes) zeros = g.zeros;
      for (int half = 0; half < 16; half += 8) {
#pragma clang loop unroll(full)
        for (int q = half; q < half + 8; q++) {
          const struct LANES(codes) c =
              form == generic_pairs ? LANES(spread_pairs)(next + 32 * q, r->ranks + 6 * q, zeros)
                                    : LANES(spread_run)(&next, r->words[q], zeros);
          const struct LANES(factors) f = LANES(factors_of)(c, wide);
#pragma clang loop unroll(full)
          for (int j = 0; j < count; j++)
            LANES(add_columns)(&sums[j], f, x->values + 128 * (j * runs + b) + 4 * q, wide);
        }
#pragma clang loop unroll(full)
        for (int j = 0; j < count; j++) LANES(end_columns)(&sums[j], wide);
      }
#pragma clang loop unroll(full)
      for (int j = 0; j < count; j++) {
        float floats[16];
        LANES(put_tile_sums)(&sums[j], floats);
        sum[j] += v16_load(floats) * (g.scale * v16_all(x->scales[j * runs + b]));
      }
    }
    const intptr_t top = tile * ctk_tile_rows;
    for (intptr_t i = first > top ? first - top : 0; i < ctk_tile_rows && top + i < last; i++)
      for (int j = 0; j < count; j++) y[j * ldy + top + i] = sum[j][i];
  }
}

#define GENERIC_TILE_LOOP(name, wide, form)                                                       \
  CTK_LANES void name(                                                                            \
      const struct ctk_packed *w, const struct ctk_decode_inputs *x, intptr_t first, intptr_t last,\
      float *y, intptr_t ldy) {                                                                   \
    switch (x->rows) {                                                                            \
      case 1: generic_multiply_tile_rows(w, x, first, last, wide, form, 1, y, ldy); break;        \
      case 2: generic_multiply_tile_rows(w, x, first, last, wide, form, 2, y, ldy); break;        \
      case 3: generic_multiply_tile_rows(w, x, first, last, wide, form, 3, y, ldy); break;        \
      default: generic_multiply_tile_rows(w, x, first, last, wide, form, 4, y, ldy); break;       \
    }                                                                                             \
  }
GENERIC_TILE_LOOP(generic_tiles_masked_4, 0, generic_masked)
GENERIC_TILE_LOOP(generic_tiles_masked_8, 1, generic_masked)
GENERIC_TILE_LOOP(generic_tiles_pairs_4, 0, generic_pairs)
GENERIC_TILE_LOOP(generic_tiles_pairs_8, 1, generic_pairs)

CTK_LANES void generic_multiply_tiles(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_decode_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  (void)scratch;
  if (w->ranks && w->kept == 2)
    (w->bits == 8 ? generic_tiles_pairs_8 : generic_tiles_pairs_4)(w, x, first, last, y, ldy);
  else
    (w->bits == 8 ? generic_tiles_masked_8 : generic_tiles_masked_4)(w, x, first, last, y, ldy);
}

/// No scratch memory is needed: runs of a tile fit on the stack.
static inline intptr_t generic_tile_scratch(const struct ctk_packed *w) {
  (void)w;
  return 0;
}
