// The loops of few_rows.c for 2:4 sparse weights of an odd number of runs, as in SmolLM2's 576 columns:
// a row's codes then end in the middle of a block.
#pragma once
#include "few_rows_pairs.h"

#if defined(__x86_64__)

/// Adds a run to the sums of `count` rows of inputs, `values` of the first of them; `count` is a constant.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_add_to_all(
    const struct ctk_pair_rows *r, __m512i w, const int8_t *values, const float *scales,
    const int count, __m512 sums[]) {
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) {
    __m512i x[2];
    ctk_load_run(values + 128 * r->pairs * j, x);
    sums[j] = ctk_add_run(sums[j], w, x, _mm512_set1_ps(scales[j * r->scale_stride]));
  }
}

/// Two rows of an odd number of runs, which make as many pairs: the one in the middle is the end of the
/// first row and the start of the second. `bits`, `count` are constants; sums[row·count + inputs].
CTK_BF16 static inline __attribute__((always_inline)) void ctk_pairs_odd(
    const struct ctk_pair_rows *in, const int bits, const int count, __m512 sums[]) {
  const struct ctk_pair_rows r = *in;
  __m512 even[2][ctk_few_rows], odd[2][ctk_few_rows];
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++)
    even[0][j] = even[1][j] = odd[0][j] = odd[1][j] = _mm512_setzero_ps();
  const intptr_t half = r.pairs / 2;
  __m512i w[2];
#pragma clang loop unroll(full)
  for (int row = 0; row < 2; row++) {
    const intptr_t start = row * (half + 1);
    for (intptr_t p = start; p < start + half; p++) {
      // The second row's pairs start at its second run.
      const int8_t *values = r.values + 128 * (2 * (p - start) + row);
      ctk_spread_pair(&r, p, bits, w);
      ctk_add_to_all(&r, w[0], values, r.scales + 2 * p, count, even[row]);
      ctk_add_to_all(&r, w[1], values + 128, r.scales + 2 * p + 1, count, odd[row]);
    }
    if (row == 0) {
      ctk_spread_pair(&r, half, bits, w);
      ctk_add_to_all(&r, w[0], r.values + 256 * half, r.scales + 2 * half, count, even[0]);
      ctk_add_to_all(&r, w[1], r.values, r.scales + 2 * half + 1, count, odd[1]);
    }
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < 2 * count; j++)
    sums[j] = _mm512_add_ps(even[j / count][j % count], odd[j / count][j % count]);
}

typedef void (*ctk_odd_pairs_loop)(const struct ctk_pair_rows *r, intptr_t count, __m512 sums[]);

#define CTK_ODD_PAIRS_CASES(name, bits)                                                          \
  CTK_BF16 static void name(const struct ctk_pair_rows *r, intptr_t count, __m512 sums[]) {      \
    switch (count) {                                                                             \
      case 1: ctk_pairs_odd(r, bits, 1, sums); break;                                            \
      case 2: ctk_pairs_odd(r, bits, 2, sums); break;                                            \
      case 3: ctk_pairs_odd(r, bits, 3, sums); break;                                            \
      default: ctk_pairs_odd(r, bits, 4, sums);                                                  \
    }                                                                                            \
  }
CTK_ODD_PAIRS_CASES(ctk_odd_pairs_2, 2)
CTK_ODD_PAIRS_CASES(ctk_odd_pairs_3, 3)
CTK_ODD_PAIRS_CASES(ctk_odd_pairs_4, 4)
CTK_ODD_PAIRS_CASES(ctk_odd_pairs_8, 8)

/// The loop for 2:4 sparsity over an odd number of whole runs in groups of whole runs; null for others.
static inline ctk_odd_pairs_loop ctk_odd_pairs_loop_for(const struct ctk_packed *w) {
  if (!ctk_has_pairs(w) || w->columns % 128 != 64) return 0;
  switch (w->bits) {
    case 2: return ctk_odd_pairs_2;
    case 3: return ctk_odd_pairs_3;
    case 4: return ctk_odd_pairs_4;
    default: return ctk_odd_pairs_8;
  }
}

/// Rows first..<last, both even, so that a block starts with the first.
CTK_BF16 static void multiply_odd_pairs(
    const struct few_product *p, intptr_t first, intptr_t last, ctk_odd_pairs_loop loop) {
  const intptr_t batch = (rows_at_once(p->groups) + 1) & ~(intptr_t)1;
  struct ctk_pair_rows r = {
      .pairs = p->runs, .scale_stride = p->size, .values = p->x->values,
      .sources = ctk_pair_sources()};
  for (intptr_t top = first; top < last; top += batch) {
    const intptr_t count = last - top < batch ? last - top : batch;
    prepare_scales(p->w, p->x, top, count, p->all);
    for (intptr_t i = 0; i < count; i += 2) {
      __m512 sums[2 * ctk_few_rows];
      r.codes = p->w->codes + (top + i) / 2 * p->runs * 8 * p->w->bits;
      r.ranks = p->w->ranks + (top + i) / 2 * p->runs * 12;
      r.zeros = zeros_of_rows(p, i, 2);
      r.scales = p->all.combined + i * p->runs;
      loop(&r, p->x->rows, sums);
      for (intptr_t k = 0; k < 2; k++) put_sums(p, i + k, sums + k * p->x->rows);
    }
  }
}
#endif
