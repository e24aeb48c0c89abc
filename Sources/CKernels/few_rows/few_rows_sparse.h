// The innermost loops of few_rows.c for sparse weights, where most of the time goes.
#pragma once
#include "few_rows_loop.h"

#if defined(__x86_64__)

/// A sparse row as its loop takes it: its survivors' codes, one byte each, and which columns they
/// are of.
struct ctk_sparse_row {
  const uint8_t *codes;
  const uint64_t *words;
};

/// One run of a row: its next codes where `kept` has ones, the zero elsewhere.
CTK_BF16 static inline __attribute__((always_inline)) __m512i ctk_spread(
    const uint8_t **codes, uint64_t kept, uint8_t zero) {
  __m512i next = _mm512_loadu_si512(*codes);
  // Out of a register; some processors are slow at expanding from memory.
  __asm__("" : "+v"(next));
  *codes += __builtin_popcountll(kept);
  return _mm512_mask_expand_epi8(_mm512_set1_epi8((char)zero), kept, next);
}

/// Adds scale·(Σ w·x) of one run; x as high and low bytes.
CTK_BF16 static inline __attribute__((always_inline)) __m512 ctk_add_run(
    __m512 sum, __m512i w, __m512i high, __m512i low, float scale) {
  const __m512i upper = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w, high);
  const __m512i both = _mm512_dpbusd_epi32(_mm512_slli_epi32(upper, 8), w, low);
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(both), _mm512_set1_ps(scale), sum);
}

/// Two rows of weights and one of inputs, so that the inputs are loaded once for both. `zeros`,
/// `scales`: per run, the second row's `runs` further on.
CTK_BF16 static inline void ctk_two_sparse_rows(
    const struct ctk_sparse_row rows[2], intptr_t runs, const uint8_t *zeros,
    const float *scales, const int8_t *values, __m512 sums[2]) {
  const uint8_t *codes[2] = {rows[0].codes, rows[1].codes};
  __m512 even[2], odd[2];
#pragma clang loop unroll(full)
  for (int r = 0; r < 2; r++) even[r] = odd[r] = _mm512_setzero_ps();
  intptr_t b = 0;
  for (; b + 2 <= runs; b += 2, values += 256) {
    __m512i x[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) {
      x[i] = _mm512_loadu_si512(values + 64 * i);
      // Into a register once, not twice as an operand from memory.
      __asm__("" : "+v"(x[i]));
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < 2; r++) {
      const uint64_t *words = rows[r].words + b;
      const __m512i first = ctk_spread(codes + r, words[0], zeros[r * runs + b]);
      const __m512i second = ctk_spread(codes + r, words[1], zeros[r * runs + b + 1]);
      even[r] = ctk_add_run(even[r], first, x[0], x[1], scales[r * runs + b]);
      odd[r] = ctk_add_run(odd[r], second, x[2], x[3], scales[r * runs + b + 1]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < 2; r++) {
    if (b < runs)
      even[r] = ctk_add_run(
          even[r], ctk_spread(codes + r, rows[r].words[b], zeros[r * runs + b]),
          _mm512_loadu_si512(values), _mm512_loadu_si512(values + 64), scales[r * runs + b]);
    sums[r] = _mm512_add_ps(even[r], odd[r]);
  }
}

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
  _mm_prefetch((const char *)codes + ctk_codes_ahead, _MM_HINT_T0);
  _mm_prefetch((const char *)ranks + ctk_codes_ahead / 2, _MM_HINT_T0);
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
      __m512i x[4];
#pragma clang loop unroll(full)
      for (int k = 0; k < 4; k++) x[k] = _mm512_loadu_si512(values + 64 * k);
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++) {
        const float *s = r[i].scales + j * in->scale_stride + 2 * p;
        even[i + j] = ctk_add_run(even[i + j], w[i][0], x[0], x[1], s[0]);
        odd[i + j] = ctk_add_run(odd[i + j], w[i][1], x[2], x[3], s[1]);
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
    switch (count) {                                                                  \
      case 1:                                                                         \
        if (rows == 2)                                                                \
          ctk_pairs_row(r, bits, 2, 1, sums);                                         \
        else                                                                          \
          ctk_pairs_row(r, bits, 1, 1, sums);                                         \
        break;                                                                        \
      case 2: ctk_pairs_row(r, bits, 1, 2, sums); break;                              \
      case 3: ctk_pairs_row(r, bits, 1, 3, sums); break;                              \
      default: ctk_pairs_row(r, bits, 1, 4, sums);                                    \
    }                                                                                 \
  }
CTK_PAIRS_CASES(ctk_pairs_2, 2)
CTK_PAIRS_CASES(ctk_pairs_3, 3)
CTK_PAIRS_CASES(ctk_pairs_4, 4)
CTK_PAIRS_CASES(ctk_pairs_8, 8)

/// The loop for 2:4 sparsity over whole pairs of runs in groups of whole runs; null for others.
static inline ctk_pairs_loop ctk_pairs_loop_for(const struct ctk_packed *w) {
  if (!w->ranks || w->kept != 2 || w->of != 4 || w->columns % 128 != 0 || w->group_size % 64 != 0)
    return 0;
  switch (w->bits) {
    case 2: return ctk_pairs_2;
    case 3: return ctk_pairs_3;
    case 4: return ctk_pairs_4;
    default: return ctk_pairs_8;
  }
}
#endif
