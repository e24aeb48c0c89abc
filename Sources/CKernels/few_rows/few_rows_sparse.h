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

/// A row of 2:4 sparsity over whole pairs of runs: a pair's codes are one block and its ranks twelve
/// bytes. `bits`, `count` are constants.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_pairs_row(
    const uint8_t *codes, const uint8_t *ranks, intptr_t pairs, const uint8_t *zeros,
    const float *scales, intptr_t scale_stride, const int8_t *values, __m512i sources,
    const int bits, const int count, __m512 sum[]) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  // Lane i: the bit at which the rank of its group starts, and the first of the group's two codes.
  const __m512i place = _mm512_mullo_epi32(lane, _mm512_set1_epi32(0x03030303));
  const __m512i code = _mm512_mullo_epi32(lane, _mm512_set1_epi32(0x02020202));
  __m512 odd[ctk_few_rows];
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j] = odd[j] = _mm512_setzero_ps();
  for (intptr_t p = 0; p < pairs; p++) {
    _mm_prefetch((const char *)codes + ctk_codes_ahead, _MM_HINT_T0);
    const __m512i block = ctk_codes64(codes, bits);
    uint64_t first, second;
    memcpy(&first, ranks, 8);
    memcpy(&second, ranks + 4, 8);  // Its ranks start 16 bits later.
    const __m512i left = _mm512_add_epi8(
        code, _mm512_permutexvar_epi32(
                  _mm512_multishift_epi64_epi8(place, _mm512_set1_epi64((long long)first)),
                  sources));
    const __m512i right = _mm512_add_epi8(
        _mm512_add_epi8(code, _mm512_set1_epi8(32)),
        _mm512_permutexvar_epi32(
            _mm512_multishift_epi64_epi8(
                _mm512_add_epi8(place, _mm512_set1_epi8(16)), _mm512_set1_epi64((long long)second)),
            sources));
    const __m512i w0 =
        _mm512_permutex2var_epi8(block, left, _mm512_set1_epi8((char)zeros[2 * p]));
    const __m512i w1 =
        _mm512_permutex2var_epi8(block, right, _mm512_set1_epi8((char)zeros[2 * p + 1]));
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) {
      const int8_t *x = values + 256 * (j * pairs + p);
      const float *s = scales + j * scale_stride + 2 * p;
      sum[j] = ctk_add_run(
          sum[j], w0, _mm512_loadu_si512(x), _mm512_loadu_si512(x + 64), s[0]);
      odd[j] = ctk_add_run(
          odd[j], w1, _mm512_loadu_si512(x + 128), _mm512_loadu_si512(x + 192), s[1]);
    }
    codes += 8 * bits;
    _mm_prefetch((const char *)ranks + ctk_codes_ahead / 2, _MM_HINT_T0);
    ranks += 12;
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j] = _mm512_add_ps(sum[j], odd[j]);
}

typedef void (*ctk_pairs_loop)(
    const uint8_t *codes, const uint8_t *ranks, intptr_t pairs, const uint8_t *zeros,
    const float *scales, intptr_t scale_stride, const int8_t *values, __m512i sources,
    intptr_t count, __m512 sum[]);

#define CTK_PAIRS_CASES(name, bits)                                                              \
  CTK_BF16 static void name(                                                                     \
      const uint8_t *codes, const uint8_t *ranks, intptr_t pairs, const uint8_t *zeros,          \
      const float *scales, intptr_t stride, const int8_t *x, __m512i sources, intptr_t count,    \
      __m512 sum[]) {                                                                            \
    switch (count) {                                                                             \
      case 1: ctk_pairs_row(codes, ranks, pairs, zeros, scales, stride, x, sources, bits, 1, sum); \
        break;                                                                                   \
      case 2: ctk_pairs_row(codes, ranks, pairs, zeros, scales, stride, x, sources, bits, 2, sum); \
        break;                                                                                   \
      case 3: ctk_pairs_row(codes, ranks, pairs, zeros, scales, stride, x, sources, bits, 3, sum); \
        break;                                                                                   \
      default:                                                                                   \
        ctk_pairs_row(codes, ranks, pairs, zeros, scales, stride, x, sources, bits, 4, sum);     \
    }                                                                                            \
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
