// The loops of few_rows.c for 2:4 sparse weights.
#pragma once
#include "few_product.h"

#if defined(__x86_64__)

/// For each rank of 2 of 4: where each of the four bytes comes from, the first code, the second, or
/// (from 64 on) the zero.
CTK_BF16 static inline __m512i ctk_pair_sources(void) {
  uint8_t bytes[64];
  for (int r = 0; r < 16; r++)  // The fourth bit of a rank is its neighbour's.
    for (int p = 0, next = 0; p < 4; p++)
      bytes[4 * r + p] = ctk_two_of_four[r & 7] >> p & 1 ? (uint8_t)next++ : 64;
  return _mm512_loadu_si512(bytes);
}

/// Rows of 2:4 sparsity over whole pairs of runs: where they lie, and how far it is from a row to the
/// next.
struct ctk_pair_rows {
  const uint8_t *codes, *ranks;  // a pair's codes are one block, its ranks twelve bytes
  const uint8_t *zeros;          // per run
  const float *scales;           // weights' times inputs', per run
  intptr_t pairs, scale_stride;  // the stride from one row of inputs to the next
  const int8_t *values;
  __m512i sources;
};

/// The weights of a pair of runs: codes, and the zero where nothing survived.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_spread_pair(
    const struct ctk_pair_rows *r, intptr_t p, const int bits, __m512i w[2]) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  // Lane i: the bit at which the rank of its group starts, and the first of the group's two codes.
  const __m512i place = _mm512_mullo_epi32(lane, _mm512_set1_epi32(0x03030303));
  const __m512i code = _mm512_mullo_epi32(lane, _mm512_set1_epi32(0x02020202));
  const uint8_t *codes = r->codes + p * 8 * bits, *ranks = r->ranks + 12 * p;
  _mm_prefetch((const char *)codes + ctk_codes_ahead, _MM_HINT_T1);
  _mm_prefetch((const char *)ranks + ctk_codes_ahead / 2, _MM_HINT_T1);
  const __m512i block = ctk_codes64(codes, bits);
  uint64_t half[2];
  memcpy(&half[0], ranks, 8);
  memcpy(&half[1], ranks + 4, 8);  // Its ranks start 16 bits later.
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    const __m512i start = _mm512_add_epi8(place, _mm512_set1_epi8((char)(16 * i)));
    const __m512i rank = _mm512_multishift_epi64_epi8(start, _mm512_set1_epi64((long long)half[i]));
    const __m512i from = _mm512_add_epi8(
        _mm512_add_epi8(code, _mm512_set1_epi8((char)(32 * i))),
        _mm512_permutexvar_epi32(rank, r->sources));
    w[i] = _mm512_permutex2var_epi8(
        block, from, _mm512_set1_epi8((char)r->zeros[2 * p + i]));
  }
}

/// One row of weights and `count` of inputs, or two of weights and one of inputs, which is then loaded
/// once for both: sums[inputs + weights]. `bits`, `rows`, `count` are constants.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_pairs_row(
    const struct ctk_pair_rows *in, const int bits, const int rows, const int count,
    __m512 sums[]) {
  struct ctk_pair_rows r[2] = {*in, *in};
  r[1].codes += in->pairs * 8 * bits;
  r[1].ranks += in->pairs * 12;
  r[1].zeros += 2 * in->pairs;
  r[1].scales += 2 * in->pairs;
  // Of their own, so that they stay in registers.
  __m512 even[ctk_few_rows], odd[ctk_few_rows];
#pragma clang loop unroll(full)
  for (int j = 0; j < rows + count - 1; j++) even[j] = odd[j] = _mm512_setzero_ps();
  for (intptr_t p = 0; p < in->pairs; p++) {
    __m512i w[2][2];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) ctk_spread_pair(&r[i], p, bits, w[i]);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) {
      const int8_t *values = in->values + 256 * (j * in->pairs + p);
      __m512i x[2][2];
      ctk_load_run(values, x[0]);
      ctk_load_run(values + 128, x[1]);
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++) {
        const float *s = r[i].scales + j * in->scale_stride + 2 * p;
        even[i + j] = ctk_add_run(even[i + j], w[i][0], x[0], _mm512_set1_ps(s[0]));
        odd[i + j] = ctk_add_run(odd[i + j], w[i][1], x[1], _mm512_set1_ps(s[1]));
      }
    }
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < rows + count - 1; j++) sums[j] = _mm512_add_ps(even[j], odd[j]);
}

typedef void (*ctk_pairs_loop)(
    const struct ctk_pair_rows *r, intptr_t rows, intptr_t count, __m512 sums[]);

#define CTK_PAIRS_CASES(name, bits)                                                   \
  CTK_BF16 static void name(                                                          \
      const struct ctk_pair_rows *r, intptr_t rows, intptr_t count, __m512 sums[]) {  \
    switch (rows == 2 ? 0 : count) {                                                  \
      case 0: ctk_pairs_row(r, bits, 2, 1, sums); break;                              \
      case 1: ctk_pairs_row(r, bits, 1, 1, sums); break;                              \
      case 2: ctk_pairs_row(r, bits, 1, 2, sums); break;                              \
      case 3: ctk_pairs_row(r, bits, 1, 3, sums); break;                              \
      default: ctk_pairs_row(r, bits, 1, 4, sums);                                    \
    }                                                                                 \
  }
CTK_PAIRS_CASES(ctk_pairs_2, 2)
CTK_PAIRS_CASES(ctk_pairs_3, 3)
CTK_PAIRS_CASES(ctk_pairs_4, 4)
CTK_PAIRS_CASES(ctk_pairs_8, 8)

/// 2:4 sparsity in groups of whole runs.
static inline int ctk_has_pairs(const struct ctk_packed *w) {
  return w->ranks && w->kept == 2 && w->of == 4 && w->group_size % 64 == 0;
}

/// The loop for 2:4 sparsity over whole pairs of runs in groups of whole runs; null for others.
static inline ctk_pairs_loop ctk_pairs_loop_for(const struct ctk_packed *w) {
  if (!ctk_has_pairs(w) || w->columns % 128 != 0) return 0;
  switch (w->bits) {
    case 2: return ctk_pairs_2;
    case 3: return ctk_pairs_3;
    case 4: return ctk_pairs_4;
    default: return ctk_pairs_8;
  }
}

/// 2:4 sparsity.
CTK_BF16 static void multiply_pairs(
    const struct few_product *p, intptr_t first, intptr_t last, ctk_pairs_loop loop) {
  const intptr_t batch = (rows_at_once(p->groups) + 1) & ~(intptr_t)1, pairs = p->runs / 2;
  struct ctk_pair_rows r = {
      .pairs = pairs, .scale_stride = p->size, .values = p->x->values,
      .sources = ctk_pair_sources()};
  const intptr_t at_once = p->x->rows == 1 ? 2 : 1;
  for (intptr_t top = first; top < last; top += batch) {
    const intptr_t count = last - top < batch ? last - top : batch;
    prepare_scales(p->w, p->x, top, count, p->all);
    for (intptr_t i = 0; i < count; i += at_once) {
      const intptr_t rows = count - i < at_once ? count - i : at_once;
      __m512 sums[ctk_few_rows];
      r.codes = p->w->codes + (top + i) * pairs * 8 * p->w->bits;
      r.ranks = p->w->ranks + (top + i) * pairs * 12;
      r.zeros = zeros_of_rows(p, i, rows);
      r.scales = p->all.combined + i * p->runs;
      loop(&r, rows, p->x->rows, sums);
      // Either the rows of weights are several or those of inputs.
      for (intptr_t k = 0; k < rows; k++) put_sums(p, i + k, sums + k);
    }
  }
}
#endif
