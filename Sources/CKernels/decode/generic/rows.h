// The decode product over rows of weights, written once with the primitives of lanes.h and compiled
// with AVX2, NEON, and NEON with dot products:
//   Σ (code − zero)·scale·x  =  Σ over groups of scale·(Σ code·x − zero·Σ x)
// with Σ code·x in integers and the zero points' part subtracted once per row, as its correction.
#pragma once
#include "decode_kernels.h"
#include "lanes.h"
#include "planar_blocks.h"
#include "planar_codes.h"
#include "spread_codes.h"
#include "vectors.h"

/// Memory for one row of weights, with room for a vector past each array.
struct generic_workspace {
  float *scales, *run_scales;  // [groups], [runs]
  uint64_t *words;             // [runs]: the mask
  uint8_t *zeros, *codes;      // zero points and survivors, one byte each
};

/// Lays out the workspace of a product in memory.
static inline struct generic_workspace generic_workspace(
    const struct ctk_packed *w, struct ctk_arena *arena) {
  const intptr_t runs = ctk_runs(w->columns), groups = ctk_groups(w);
  struct generic_workspace s;
  s.scales = ctk_arena_take(arena, 4 * (groups + 16));
  s.run_scales = ctk_arena_take(arena, 4 * (runs + w->group_size / 64 + 16));
  s.words = ctk_arena_take(arena, 8 * (runs + 1));
  // Zero points and codes start and end within a block of 64.
  s.zeros = ctk_arena_take(arena, groups + 3 * 64);
  s.codes = ctk_arena_take(arena, 64 * (runs + 3));
  return s;
}

static inline intptr_t generic_scratch(const struct ctk_packed *w) {
  struct ctk_arena arena = {0};
  generic_workspace(w, &arena);
  return arena.used;
}

/// State shared by the rows of one product. Groups are "narrow" if a run (64 columns) has several.
struct generic_product {
  const struct ctk_packed *w;
  const struct ctk_decode_inputs *x;
  struct generic_workspace space;
  intptr_t runs, groups, per_group, per_run;  // runs in a group, or groups in a run
  struct LANES(group_map) narrow;
};

/// A row of weights in the format that the loops read.
struct generic_row {
  const uint8_t *codes;   // packed; of a sparse row: its survivors, one byte each
  const uint64_t *words;  // masked: the mask
  const uint8_t *ranks;   // 2:4 sparse: six bytes a run
  const uint8_t *zeros;   // per group
  const float *scales;    // per run or narrow group
};

/// The zero points of a row's groups, one byte each, with a vector readable from each on.
CTK_LANES const uint8_t *generic_zeros_of_row(const struct generic_product *p, intptr_t row) {
  const struct ctk_packed *w = p->w;
  uint8_t *zeros = p->space.zeros;
  const intptr_t start = row * p->groups, block = start / 64;
  if (!w->zeros) {
    memset(zeros, 1 << (w->bits - 1), (size_t)p->groups);
  } else if (p->groups < 16) {
    for (intptr_t g = 0; g < p->groups; g++)
      zeros[g] = ctk_single_code(w->zeros, w->bits, start + g);
  } else {
    blocks_of_codes(
        w->zeros + block * 8 * w->bits, (start + p->groups + 63) / 64 - block, w->bits, zeros);
    zeros += start - 64 * block;
  }
  return zeros;
}

/// Sets a row's scales and its corrections Σ scale·zero·Σx, one per row of inputs.
CTK_LANES void generic_prepare_scales(
    const struct generic_product *p, intptr_t row, struct generic_row *r, float *corrections) {
  const struct ctk_packed *w = p->w;
  const uint8_t *in = w->scales + 2 * row * p->groups;
  const v16 factor = v16_all(ctk_power_of_two(w->scale_exponent));
  const v16 bias = v16_all(w->bits == 8 ? LANES(eight_bit_bias) : 0);
  float *scales = p->space.scales;
  v16 sum[ctk_decode_pass_rows] = {0};
  for (intptr_t g = 0; g < p->groups; g += 16) {
    const intptr_t rest = p->groups - g;
    generic_halves half = {0};
    if (rest >= 16)
      memcpy(&half, in + 2 * g, sizeof half);
    else
      memcpy(&half, in + 2 * g, (size_t)rest * 2);
    const v16 scale = __builtin_convertvector(half, v16) * factor;
    const v16 zero = __builtin_convertvector(
        __builtin_convertvector(bytes16(r->zeros + g), m16), v16);
    v16_store(scales + g, scale);
    const v16 share = scale * (zero - bias);
    for (intptr_t j = 0; j < p->x->rows; j++) {
      const float *sums = p->x->group_sums + j * p->groups + g;
      sum[j] += share * (rest >= 16 ? v16_load(sums) : v16_load_part(sums, rest, 0));
    }
  }
  for (intptr_t j = 0; j < p->x->rows; j++) corrections[j] = v16_sum(sum[j]);
  r->scales = scales;
  if (p->per_group > 1) {
    float *per_run = p->space.run_scales;
    for (intptr_t g = 0, b = 0; g < p->groups; g++)
      for (intptr_t i = 0; i < p->per_group; i++) per_run[b++] = scales[g];
    r->scales = per_run;
  }
}

/// Unpacks a sparse row's survivors and finds its mask or ranks.
CTK_LANES void generic_read_sparse_row(
    const struct generic_product *p, intptr_t row, int form, struct generic_row *r) {
  const struct ctk_packed *w = p->w;
  if (form == generic_pairs) {
    r->ranks = w->ranks + row * p->runs * 6;
  } else {
    ctk_mask_words(w, row, 0, p->runs, p->space.words);
    r->words = p->space.words;
  }
  const int64_t start = ctk_row_start(w, row), block = start / 64;
  const int64_t end = w->mask ? w->row_starts[row + 1] : start + ctk_kept_per_row(w);
  const uint8_t *in = w->codes + block * 8 * w->bits;
  for (int64_t at = 0; at < (end / 64 - block) * 8 * w->bits; at += 64)
    __builtin_prefetch(in + at + ctk_prefetch_distance);
  blocks_of_codes(in, (end + 63) / 64 - block, w->bits, p->space.codes);
  r->codes = p->space.codes + (start - 64 * block);
}

/// Σ scale·code·x over a row of weights for each row of inputs, spread over the lanes of
/// sum[count]. `bits` (4 or 8 if sparse: survivors are bytes), `form`, `narrow` and `count` are
/// constants.
CTK_LANES_INLINE void generic_sums_of_row(
    const struct generic_product *p, const struct generic_row *row, const int bits, const int form,
    const int narrow, const int count, LANES(sums) sum[]) {
  const int8_t *x = p->x->values;
  const float *x_scales = p->x->scales;
  const uint8_t *codes = row->codes;
  const intptr_t runs = p->runs;
  const struct LANES(group_map) groups = p->narrow;
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j] = LANES(no_sum)();
  intptr_t group = 0, left = p->per_group;
  for (intptr_t b = 0; b < runs; b++) {
    struct LANES(codes) c;
    if (form == generic_dense) {
      __builtin_prefetch(codes + ctk_prefetch_distance);
      c = LANES(unpack_run)(codes, bits);
      codes += 8 * bits;
    } else {
      const struct LANES(codes) zeros =
          narrow ? LANES(codes_of_groups)(row->zeros + b * p->per_run, groups)
                 : LANES(same_code)(row->zeros[group]);
      if (form == generic_pairs)
        c = LANES(spread_pairs)(codes + 32 * b, row->ranks + 6 * b, zeros);
      else
        c = LANES(spread_run)(&codes, row->words[b], zeros);
      if (--left == 0) {
        left = p->per_group;
        group++;
      }
    }
    const struct LANES(factors) f = LANES(factors_of)(c, bits == 8);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) {
      const int8_t *values = x + 128 * (j * runs + b);
      const float x_scale = x_scales[j * runs + b];
      const float *scales = row->scales + b * p->per_run;
      sum[j] = narrow ? LANES(add_narrow)(sum[j], f, values, scales, x_scale, groups, bits == 8)
                      : LANES(add_run)(sum[j], f, values, *scales, x_scale, bits == 8);
    }
  }
}

/// Computes results of rows first..<last; `bits`, `form`, `narrow` and `count` are constants.
CTK_LANES_INLINE void generic_multiply_rows(
    const struct generic_product *p, intptr_t first, intptr_t last, const int bits, const int form,
    const int narrow, const int count, float *y, intptr_t ldy) {
  for (intptr_t row = first; row < last; row++) {
    struct generic_row r = {.codes = p->w->codes + row * p->runs * 8 * p->w->bits};
    float corrections[ctk_decode_pass_rows];
    LANES(sums) sum[ctk_decode_pass_rows];
    r.zeros = generic_zeros_of_row(p, row);
    generic_prepare_scales(p, row, &r, corrections);
    if (form != generic_dense) generic_read_sparse_row(p, row, form, &r);
    generic_sums_of_row(p, &r, bits, form, narrow, count, sum);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) y[j * ldy + row] = LANES(total)(sum[j]) - corrections[j];
  }
}

#define GENERIC_ROW_LOOP(name, bits, form, narrow)                                             \
  CTK_LANES void name(                                                                         \
      const struct generic_product *p, intptr_t first, intptr_t last, float *y, intptr_t ldy) {\
    switch (p->x->rows) {                                                                      \
      case 1: generic_multiply_rows(p, first, last, bits, form, narrow, 1, y, ldy); break;     \
      case 2: generic_multiply_rows(p, first, last, bits, form, narrow, 2, y, ldy); break;     \
      case 3: generic_multiply_rows(p, first, last, bits, form, narrow, 3, y, ldy); break;     \
      default: generic_multiply_rows(p, first, last, bits, form, narrow, 4, y, ldy); break;    \
    }                                                                                          \
  }
GENERIC_ROW_LOOP(generic_dense_2, 2, generic_dense, 0)
GENERIC_ROW_LOOP(generic_dense_3, 3, generic_dense, 0)
GENERIC_ROW_LOOP(generic_dense_4, 4, generic_dense, 0)
GENERIC_ROW_LOOP(generic_dense_8, 8, generic_dense, 0)
GENERIC_ROW_LOOP(generic_dense_2_narrow, 2, generic_dense, 1)
GENERIC_ROW_LOOP(generic_dense_3_narrow, 3, generic_dense, 1)
GENERIC_ROW_LOOP(generic_dense_4_narrow, 4, generic_dense, 1)
GENERIC_ROW_LOOP(generic_dense_8_narrow, 8, generic_dense, 1)
GENERIC_ROW_LOOP(generic_masked_4, 4, generic_masked, 0)
GENERIC_ROW_LOOP(generic_masked_8, 8, generic_masked, 0)
GENERIC_ROW_LOOP(generic_masked_4_narrow, 4, generic_masked, 1)
GENERIC_ROW_LOOP(generic_masked_8_narrow, 8, generic_masked, 1)
GENERIC_ROW_LOOP(generic_pairs_4, 4, generic_pairs, 0)
GENERIC_ROW_LOOP(generic_pairs_8, 8, generic_pairs, 0)

typedef void (*generic_loop)(
    const struct generic_product *p, intptr_t first, intptr_t last, float *y, intptr_t ldy);

/// The specialised loop for a matrix. Sparse loops see bytes, so that up to 4 bits are one case.
static generic_loop generic_loop_for(const struct ctk_packed *w) {
  const int narrow = w->group_size < 64;
  if (ctk_is_sparse(w)) {
    if (!narrow && w->ranks && w->kept == 2 && w->of == 4 && w->columns % 64 == 0)
      return w->bits == 8 ? generic_pairs_8 : generic_pairs_4;
    if (w->bits == 8) return narrow ? generic_masked_8_narrow : generic_masked_8;
    return narrow ? generic_masked_4_narrow : generic_masked_4;
  }
  switch (w->bits) {
    case 2: return narrow ? generic_dense_2_narrow : generic_dense_2;
    case 3: return narrow ? generic_dense_3_narrow : generic_dense_3;
    case 4: return narrow ? generic_dense_4_narrow : generic_dense_4;
    default: return narrow ? generic_dense_8_narrow : generic_dense_8;
  }
}

CTK_LANES void generic_multiply(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_decode_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  const intptr_t size = w->group_size;
  struct ctk_arena arena = {.start = scratch};
  const struct generic_product p = {
      .w = w, .x = x, .space = generic_workspace(w, &arena), .runs = ctk_runs(w->columns),
      .groups = ctk_groups(w), .per_group = size > 64 ? size / 64 : 1,
      .per_run = size < 64 ? 64 / size : 1,
      .narrow = LANES(group_map)(size < 64 ? 64 / size : 1)};
  generic_loop_for(w)(&p, first, last, y, ldy);
}
