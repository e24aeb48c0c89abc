// Products of one to four rows of inputs with packed weights in integers, as in few_rows.c, over
// the lanes of few_lanes_avx2.h or few_lanes_neon.h, one of which is included before.
#pragma once
#include "few_integer_tiles.h"
#include "few_rows.h"
#include "few_space.h"
#include "planar_blocks.h"
#include "planar_codes.h"

/// What all rows of one product have in common.
struct few_product {
  const struct ctk_packed *w;
  const struct ctk_few_inputs *x;
  struct ctk_few_space space;
  intptr_t runs, groups, per_group, per_run;  // runs in a group, or groups in a run
  struct fine_groups fine;
};

/// One row of weights, ready to be multiplied.
struct few_row {
  const uint8_t *codes;   // where sparse: survivors, one byte each
  const uint64_t *words;  // where sparse: which columns survive
  const uint8_t *ranks;   // 2:4 sparsity: six bytes a run
  const uint8_t *zeros;   // per group
  const float *scales;    // per run, or per group where those are finer
};

/// The zeros of a row's groups, one byte each; a vector can be read from each on.
CTK_FEW const uint8_t *zeros_of_row(const struct few_product *p, intptr_t row) {
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

/// A row's scales, and Σ scale·zero·Σx, the zeros' share of its results.
CTK_FEW void prepare_scales(
    const struct few_product *p, intptr_t row, struct few_row *r, float *corrections) {
  const struct ctk_packed *w = p->w;
  const uint8_t *in = w->scales + 2 * row * p->groups;
  const v16 factor = v16_all(ctk_power_of_two(w->scale_exponent));
  const v16 bias = v16_all(w->bits == 8 ? eight_bit_bias : 0);
  float *scales = p->space.scales;
  v16 sum[ctk_few_rows] = {0};
  for (intptr_t g = 0; g < p->groups; g += 16) {
    const intptr_t rest = p->groups - g;
    halves half = {0};
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

/// A sparse row's survivors and masks.
CTK_FEW void read_sparse_row(
    const struct few_product *p, intptr_t row, int form, struct few_row *r) {
  const struct ctk_packed *w = p->w;
  if (form == ctk_few_pairs) {
    r->ranks = w->ranks + row * p->runs * 6;
  } else {
    ctk_mask_words(w, row, 0, p->runs, p->space.words);
    r->words = p->space.words;
  }
  const int64_t start = ctk_row_start(w, row), block = start / 64;
  const int64_t end = w->mask ? w->row_starts[row + 1] : start + ctk_kept_per_row(w);
  const uint8_t *in = w->codes + block * 8 * w->bits;
  for (int64_t at = 0; at < (end / 64 - block) * 8 * w->bits; at += 64)
    __builtin_prefetch(in + at + ctk_few_ahead);
  blocks_of_codes(in, (end + 63) / 64 - block, w->bits, p->space.codes);
  r->codes = p->space.codes + (start - 64 * block);
}

/// Σ scale·code·x for each row of inputs, in lanes; `bits` (where sparse 8 or less), `form`, `fine`
/// and `count` are constants.
CTK_FEW_INLINE void sums_of_row(
    const struct few_product *p, const struct few_row *row, const int bits, const int form,
    const int fine, const int count, lanes sum[]) {
  const int8_t *x = p->x->values;
  const float *x_scales = p->x->scales;
  const uint8_t *codes = row->codes;
  const intptr_t runs = p->runs;
  const struct fine_groups groups = p->fine;
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j] = no_sum();
  intptr_t group = 0, left = p->per_group;
  for (intptr_t b = 0; b < runs; b++) {
    struct run_codes c;
    if (form == ctk_few_dense) {
      __builtin_prefetch(codes + ctk_few_ahead);
      c = dense_run(codes, bits);
      codes += 8 * bits;
    } else {
      const struct run_codes zeros = fine ? codes_of_groups(row->zeros + b * p->per_run, groups)
                                          : same_code(row->zeros[group]);
      if (form == ctk_few_pairs)
        c = spread_pairs(codes + 32 * b, row->ranks + 6 * b, zeros);
      else
        c = spread_run(&codes, row->words[b], zeros);
      if (--left == 0) {
        left = p->per_group;
        group++;
      }
    }
    const struct factors f = factors_of(c, bits == 8);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) {
      const int8_t *values = x + 128 * (j * runs + b);
      const float x_scale = x_scales[j * runs + b];
      const float *scales = row->scales + b * p->per_run;
      sum[j] = fine ? add_fine(sum[j], f, values, scales, x_scale, groups, bits == 8)
                    : add_run(sum[j], f, values, *scales, x_scale, bits == 8);
    }
  }
}

/// Results of rows first..<last.
CTK_FEW_INLINE void multiply_rows(
    const struct few_product *p, intptr_t first, intptr_t last, const int bits, const int form,
    const int fine, const int count, float *y, intptr_t ldy) {
  for (intptr_t row = first; row < last; row++) {
    struct few_row r = {.codes = p->w->codes + row * p->runs * 8 * p->w->bits};
    float corrections[ctk_few_rows];
    lanes sum[ctk_few_rows];
    r.zeros = zeros_of_row(p, row);
    prepare_scales(p, row, &r, corrections);
    if (form != ctk_few_dense) read_sparse_row(p, row, form, &r);
    sums_of_row(p, &r, bits, form, fine, count, sum);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) y[j * ldy + row] = total(sum[j]) - corrections[j];
  }
}

#define CTK_FEW_LOOP(name, bits, form, fine)                                                      \
  CTK_FEW void name(                                                                            \
      const struct few_product *p, intptr_t first, intptr_t last, float *y, intptr_t ldy) {     \
    switch (p->x->rows) {                                                                       \
      case 1: multiply_rows(p, first, last, bits, form, fine, 1, y, ldy); break;                \
      case 2: multiply_rows(p, first, last, bits, form, fine, 2, y, ldy); break;                \
      case 3: multiply_rows(p, first, last, bits, form, fine, 3, y, ldy); break;                \
      default: multiply_rows(p, first, last, bits, form, fine, 4, y, ldy); break;               \
    }                                                                                           \
  }
CTK_FEW_LOOP(dense_2, 2, ctk_few_dense, 0)
CTK_FEW_LOOP(dense_3, 3, ctk_few_dense, 0)
CTK_FEW_LOOP(dense_4, 4, ctk_few_dense, 0)
CTK_FEW_LOOP(dense_8, 8, ctk_few_dense, 0)
CTK_FEW_LOOP(dense_2_fine, 2, ctk_few_dense, 1)
CTK_FEW_LOOP(dense_3_fine, 3, ctk_few_dense, 1)
CTK_FEW_LOOP(dense_4_fine, 4, ctk_few_dense, 1)
CTK_FEW_LOOP(dense_8_fine, 8, ctk_few_dense, 1)
CTK_FEW_LOOP(masked_4, 4, ctk_few_masked, 0)
CTK_FEW_LOOP(masked_8, 8, ctk_few_masked, 0)
CTK_FEW_LOOP(masked_4_fine, 4, ctk_few_masked, 1)
CTK_FEW_LOOP(masked_8_fine, 8, ctk_few_masked, 1)
CTK_FEW_LOOP(pairs_4, 4, ctk_few_pairs, 0)
CTK_FEW_LOOP(pairs_8, 8, ctk_few_pairs, 0)

typedef void (*few_loop)(
    const struct few_product *p, intptr_t first, intptr_t last, float *y, intptr_t ldy);

/// The loop for a matrix. Survivors are bytes, of which only the eight-bit ones need to be halved.
static few_loop loop_for(const struct ctk_packed *w) {
  const int fine = w->group_size < 64;
  if (ctk_is_sparse(w)) {
    if (!fine && w->ranks && w->kept == 2 && w->of == 4 && w->columns % 64 == 0)
      return w->bits == 8 ? pairs_8 : pairs_4;
    if (w->bits == 8) return fine ? masked_8_fine : masked_8;
    return fine ? masked_4_fine : masked_4;
  }
  switch (w->bits) {
    case 2: return fine ? dense_2_fine : dense_2;
    case 3: return fine ? dense_3_fine : dense_3;
    case 4: return fine ? dense_4_fine : dense_4;
    default: return fine ? dense_8_fine : dense_8;
  }
}

CTK_FEW void multiply_few(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  if (w->interleaved) {
    multiply_few_tiles(w, first, last, x, y, ldy);
    return;
  }
  const intptr_t size = w->group_size;
  const struct few_product p = {
      .w = w, .x = x, .space = ctk_few_space(w, scratch), .runs = ctk_runs(w->columns),
      .groups = ctk_groups(w), .per_group = size > 64 ? size / 64 : 1,
      .per_run = size < 64 ? 64 / size : 1, .fine = fine_groups(size < 64 ? 64 / size : 1)};
  loop_for(w)(&p, first, last, y, ldy);
}
