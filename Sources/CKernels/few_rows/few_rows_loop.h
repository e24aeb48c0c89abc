// The innermost loop of few_rows.c: one row of weights, a block of 64 columns at a time.
#pragma once
#include "few_row_sums.h"
#include "few_rows.h"
#include "planar_codes.h"

#if defined(__x86_64__)

struct ctk_few_row {
  const uint8_t *codes;   // of the row; where sparse: its survivors, one byte each
  const uint64_t *words;  // where sparse: which columns survive
  const uint8_t *run_zeros;    // where sparse: the zero of each run,
  const uint8_t *group_zeros;  // or of each group where those are finer
  const int8_t *values;   // the inputs': per run 64 high bytes, then 64 low ones
  const float *scales;    // weights' times inputs', per run, or per group where those are finer
  const float *corrections;  // [rows, inputs, 16]: the zeros' share
  intptr_t runs, value_stride, scale_stride;  // strides: from one row of inputs to the next
  intptr_t per_run;       // groups in a run where they are finer
  __m512i lanes, bytes;   // the group, within a run, of each sum of four and of each column
};

/// Adds block `b`: `bits` (8 where sparse), `count`, `sparse` and `fine` are constants.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_few_block(
    const struct ctk_few_row *r, const uint8_t **codes, intptr_t b, const int bits,
    const int count, const int sparse, const int fine, __m512 sum[]) {
  __m512i block;
  if (sparse) {
    const uint64_t kept = r->words[b];
    // A weight that is masked out is where the code is the zero.
    const __m512i nothing =
        fine ? _mm512_permutexvar_epi8(
                   r->bytes, _mm512_loadu_si512(r->group_zeros + b * r->per_run))
             : _mm512_set1_epi8((char)r->run_zeros[b]);
    __m512i next = _mm512_loadu_si512(*codes);
    // Out of a register; some processors are slow at expanding from memory.
    __asm__("" : "+v"(next));
    block = _mm512_mask_expand_epi8(nothing, kept, next);
    *codes += __builtin_popcountll(kept);
  } else {
    _mm_prefetch((const char *)*codes + ctk_codes_ahead, _MM_HINT_T1);
    block = ctk_codes64(*codes, bits);
    *codes += 8 * bits;
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) {
    const int8_t *values = r->values + j * r->value_stride + 128 * b;
    const float *scales = r->scales + j * r->scale_stride;
    const __m512i upper = _mm512_dpbusd_epi32(
        _mm512_setzero_si512(), block, _mm512_loadu_si512(values));
    const __m512i both = _mm512_dpbusd_epi32(
        _mm512_slli_epi32(upper, 8), block, _mm512_loadu_si512(values + 64));
    const __m512 scale =
        fine ? _mm512_permutexvar_ps(r->lanes, _mm512_loadu_ps(scales + b * r->per_run))
             : _mm512_set1_ps(scales[b]);
    sum[j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(both), scale, sum[j]);
  }
}

/// Σ scale·code·x per row of inputs, in lanes.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_few_sums(
    const struct ctk_few_row *r, const int bits, const int count, const int sparse,
    const int fine, __m512 sum[]) {
  const uint8_t *codes = r->codes;
  __m512 odd[ctk_few_rows];
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j] = odd[j] = _mm512_setzero_ps();
  intptr_t b = 0;
  // Two chains of additions, so that one needn't wait for the other.
  for (; b + 2 <= r->runs; b += 2) {
    ctk_few_block(r, &codes, b, bits, count, sparse, fine, sum);
    ctk_few_block(r, &codes, b + 1, bits, count, sparse, fine, odd);
  }
  if (b < r->runs) ctk_few_block(r, &codes, b, bits, count, sparse, fine, sum);
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j] = _mm512_add_ps(sum[j], odd[j]);
}

/// The same for dense rows of 4 bits and groups of whole runs: both halves of a block, which are its low
/// and its high nibbles, are summed up in the same eight lanes, so that shifting, converting and scaling
/// cost half, and nothing has to be moved from one half of a register to the other.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_few_sums_of_nibbles(
    const struct ctk_few_row *r, const int count, __m512 sum[]) {
  const uint8_t *codes = r->codes;
  const __m256i nibble = _mm256_set1_epi8(15);
  __m256 all[2][ctk_few_rows];
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) all[0][j] = all[1][j] = _mm256_setzero_ps();
  for (intptr_t b = 0; b < r->runs; b += 2) {
#pragma clang loop unroll(full)
    for (int odd = 0; odd < 2; odd++) {
      if (b + odd >= r->runs) break;
      // A line of the caches holds two blocks.
      if (!odd) _mm_prefetch((const char *)codes + ctk_codes_ahead, _MM_HINT_T1);
      const __m256i both = _mm256_loadu_si256((const __m256i *)(const void *)codes);
      const __m256i low = _mm256_and_si256(both, nibble);
      const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble);
      codes += 32;
#pragma clang loop unroll(full)
      for (int j = 0; j < count; j++) {
        const __m256i *x = (const __m256i *)(const void *)(
            r->values + j * r->value_stride + 128 * (b + odd));
        __m256i t = _mm256_dpbusd_epi32(_mm256_setzero_si256(), low, _mm256_loadu_si256(x));
        t = _mm256_dpbusd_epi32(t, high, _mm256_loadu_si256(x + 1));
        t = _mm256_dpbusd_epi32(_mm256_slli_epi32(t, 8), low, _mm256_loadu_si256(x + 2));
        t = _mm256_dpbusd_epi32(t, high, _mm256_loadu_si256(x + 3));
        all[odd][j] = _mm256_fmadd_ps(
            _mm256_cvtepi32_ps(t), _mm256_set1_ps(r->scales[j * r->scale_stride + b + odd]),
            all[odd][j]);
      }
    }
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++)
    sum[j] = _mm512_zextps256_ps512(_mm256_add_ps(all[0][j], all[1][j]));
}

/// The results of `rows` rows that lie side by side (one where sparse).
CTK_BF16 static inline __attribute__((always_inline)) void ctk_few_results(
    const struct ctk_few_row *first, intptr_t rows, const int bits, const int count,
    const int sparse, const int fine, struct ctk_row_sums *out) {
  struct ctk_few_row r = *first;
  const intptr_t code_bytes = r.runs * 8 * bits;
  const intptr_t row_scales = fine ? r.runs * r.per_run : r.runs;
  for (intptr_t row = 0; row < rows; row++) {
    __m512 sum[ctk_few_rows];
    if (bits == 4 && !sparse && !fine)
      ctk_few_sums_of_nibbles(&r, count, sum);
    else
      ctk_few_sums(&r, bits, count, sparse, fine, sum);
    ctk_put_row(out, sum, r.corrections, count);
    r.codes += code_bytes;
    r.scales += row_scales;
    r.corrections += 16 * count;
  }
}

#define CTK_FEW_CASES(name, bits, sparse, fine)                                                  \
  CTK_BF16 static void name(                                                                    \
      const struct ctk_few_row *r, intptr_t rows, intptr_t count, struct ctk_row_sums *out) {   \
    switch (count) {                                                                            \
      case 1: ctk_few_results(r, rows, bits, 1, sparse, fine, out); break;                      \
      case 2: ctk_few_results(r, rows, bits, 2, sparse, fine, out); break;                      \
      case 3: ctk_few_results(r, rows, bits, 3, sparse, fine, out); break;                      \
      default: ctk_few_results(r, rows, bits, 4, sparse, fine, out); break;                     \
    }                                                                                           \
  }
CTK_FEW_CASES(ctk_few_2, 2, 0, 0)
CTK_FEW_CASES(ctk_few_3, 3, 0, 0)
CTK_FEW_CASES(ctk_few_4, 4, 0, 0)
CTK_FEW_CASES(ctk_few_8, 8, 0, 0)
CTK_FEW_CASES(ctk_few_2_fine, 2, 0, 1)
CTK_FEW_CASES(ctk_few_3_fine, 3, 0, 1)
CTK_FEW_CASES(ctk_few_4_fine, 4, 0, 1)
CTK_FEW_CASES(ctk_few_8_fine, 8, 0, 1)
CTK_FEW_CASES(ctk_few_sparse, 8, 1, 0)
CTK_FEW_CASES(ctk_few_sparse_fine, 8, 1, 1)

typedef void (*ctk_few_loop)(
    const struct ctk_few_row *, intptr_t rows, intptr_t count, struct ctk_row_sums *out);

/// The loop for a matrix.
static inline ctk_few_loop ctk_few_loop_for(const struct ctk_packed *w) {
  const int fine = w->group_size < 64;
  if (ctk_is_sparse(w)) return fine ? ctk_few_sparse_fine : ctk_few_sparse;
  switch (w->bits) {
    case 2: return fine ? ctk_few_2_fine : ctk_few_2;
    case 3: return fine ? ctk_few_3_fine : ctk_few_3;
    case 4: return fine ? ctk_few_4_fine : ctk_few_4;
    default: return fine ? ctk_few_8_fine : ctk_few_8;
  }
}
#endif
