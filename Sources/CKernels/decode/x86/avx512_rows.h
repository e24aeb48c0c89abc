// The innermost loops of the AVX-512 product over rows of weights, a run (block of 64 columns) at a
// time: dense rows, and sparse ones that avx512_masked.h doesn't take. About ten instructions per
// run: codes are unpacked to bytes and multiplied as unsigned bytes with the inputs' signed ones,
// four neighbours to a 32-bit sum (VPDPBUSD).
#pragma once
#include "avx512_product.h"

// ---- Horizontal sums, sixteen rows at once ----

/// Sums of consecutive rows, still spread over lanes. Adding up one row's lanes on its own takes
/// about 30 cycles, half as long as the product of a row of 576 columns; sixteen rows share one
/// transposition.
struct avx512_row_sums {
  __m512 lanes[ctk_decode_pass_rows][16];  // per row of inputs, of the rows that are pending
  intptr_t pending, inputs;
  float *y;  // the first pending row's result; inputs are `ldy` floats apart
  intptr_t ldy;
};

/// Lane i of the result: the sum of all lanes of rows[i], added in an order that doesn't depend on
/// i.
CTK_AVX512_VNNI static inline __m512 avx512_sums_of_rows(const __m512 rows[16]) {
  __m512 fours[4];
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const __m512 *r = rows + 4 * i;
    const __m512d a = _mm512_castps_pd(
        _mm512_add_ps(_mm512_unpacklo_ps(r[0], r[1]), _mm512_unpackhi_ps(r[0], r[1])));
    const __m512d b = _mm512_castps_pd(
        _mm512_add_ps(_mm512_unpacklo_ps(r[2], r[3]), _mm512_unpackhi_ps(r[2], r[3])));
    fours[i] = _mm512_add_ps(
        _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  __m512 halves[2];
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++)
    halves[i] = _mm512_add_ps(
        _mm512_shuffle_f32x4(fours[2 * i], fours[2 * i + 1], 0x88),
        _mm512_shuffle_f32x4(fours[2 * i], fours[2 * i + 1], 0xdd));
  return _mm512_add_ps(
      _mm512_shuffle_f32x4(halves[0], halves[1], 0x88),
      _mm512_shuffle_f32x4(halves[0], halves[1], 0xdd));
}

/// Writes the results of the pending rows.
CTK_AVX512_VNNI static inline void avx512_write_rows(struct avx512_row_sums *s) {
  for (intptr_t j = 0; j < s->inputs; j++) {
    for (intptr_t i = s->pending; i < 16; i++) s->lanes[j][i] = _mm512_setzero_ps();
    _mm512_mask_storeu_ps(
        s->y + j * s->ldy, (__mmask16)((1u << s->pending) - 1), avx512_sums_of_rows(s->lanes[j]));
  }
  s->y += s->pending;
  s->pending = 0;
}

/// Appends a row: its sums per row of inputs, less its corrections [inputs, 16].
CTK_AVX512_VNNI_INLINE void avx512_put_row(
    struct avx512_row_sums *s, const __m512 sums[], const float *corrections,
    const intptr_t inputs) {
  for (intptr_t j = 0; j < inputs; j++)
    s->lanes[j][s->pending] = _mm512_sub_ps(sums[j], _mm512_loadu_ps(corrections + 16 * j));
  if (++s->pending == 16) avx512_write_rows(s);
}

// ---- Loops ----

/// A row of weights and the inputs in the format that the loops read. Groups are "narrow" if a run
/// has several.
struct avx512_row {
  const uint8_t *codes;        // packed; of a sparse row: its survivors, one byte each
  const uint64_t *words;       // sparse: the mask
  const uint8_t *run_zeros;    // sparse: the zero point of each run,
  const uint8_t *group_zeros;  // or of each group if groups are narrow
  const int8_t *values;        // inputs: per run 64 high bytes, then 64 low ones
  const float *scales;         // combined, per run or narrow group
  const float *corrections;    // [rows, inputs, 16]
  intptr_t runs, value_stride, scale_stride;  // strides from one row of inputs to the next
  intptr_t per_run;            // groups in a run
  __m512i lanes, bytes;        // narrow groups: the group of each 32-bit lane and of each byte
};

/// Adds run `b`, per row of inputs. `bits` (8 if sparse), `count`, `sparse` and `narrow` are
/// constants.
CTK_AVX512_VNNI_INLINE void avx512_add_run(
    const struct avx512_row *r, const uint8_t **codes, intptr_t b, const int bits,
    const int count, const int sparse, const int narrow, __m512 sum[]) {
  __m512i block;
  if (sparse) {
    const uint64_t kept = r->words[b];
    // A masked-out weight gets its group's zero point for a code, which makes it zero.
    const __m512i nothing =
        narrow ? _mm512_permutexvar_epi8(
                     r->bytes, _mm512_loadu_si512(r->group_zeros + b * r->per_run))
               : _mm512_set1_epi8((char)r->run_zeros[b]);
    __m512i next = _mm512_loadu_si512(*codes);
    // Keeps the operand in a register: VPEXPANDB from memory is microcoded on some processors.
    __asm__("" : "+v"(next));
    block = _mm512_mask_expand_epi8(nothing, kept, next);
    *codes += __builtin_popcountll(kept);
  } else {
    _mm_prefetch((const char *)*codes + ctk_prefetch_distance, _MM_HINT_T1);
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
        narrow ? _mm512_permutexvar_ps(r->lanes, _mm512_loadu_ps(scales + b * r->per_run))
               : _mm512_set1_ps(scales[b]);
    sum[j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(both), scale, sum[j]);
  }
}

/// Σ scale·code·x over a row of weights for each row of inputs, spread over the lanes of
/// sum[count].
CTK_AVX512_VNNI_INLINE void avx512_sums(
    const struct avx512_row *r, const int bits, const int count, const int sparse,
    const int narrow, __m512 sum[]) {
  const uint8_t *codes = r->codes;
  __m512 odd[ctk_decode_pass_rows];
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j] = odd[j] = _mm512_setzero_ps();
  intptr_t b = 0;
  // Two accumulators hide the latency of the additions.
  for (; b + 2 <= r->runs; b += 2) {
    avx512_add_run(r, &codes, b, bits, count, sparse, narrow, sum);
    avx512_add_run(r, &codes, b + 1, bits, count, sparse, narrow, odd);
  }
  if (b < r->runs) avx512_add_run(r, &codes, b, bits, count, sparse, narrow, sum);
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j] = _mm512_add_ps(sum[j], odd[j]);
}

/// Σ scale·code·x over a dense row of 4-bit weights in groups of whole runs. A block's low and high
/// nibbles are summed in the same eight lanes (YMM): shifts, conversions and scalings cost half,
/// and no nibbles have to cross from one half of a register to the other.
CTK_AVX512_VNNI_INLINE void avx512_nibble_sums(
    const struct avx512_row *r, const int count, __m512 sum[]) {
  const uint8_t *codes = r->codes;
  const __m256i nibble = _mm256_set1_epi8(15);
  __m256 all[2][ctk_decode_pass_rows];
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) all[0][j] = all[1][j] = _mm256_setzero_ps();
  for (intptr_t b = 0; b < r->runs; b += 2) {
#pragma clang loop unroll(full)
    for (int odd = 0; odd < 2; odd++) {
      if (b + odd >= r->runs) break;
      // A cache line holds two blocks.
      if (!odd) _mm_prefetch((const char *)codes + ctk_prefetch_distance, _MM_HINT_T1);
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

/// Appends the results of `rows` consecutive rows (one if sparse) to `out`.
CTK_AVX512_VNNI_INLINE void avx512_multiply_rows(
    const struct avx512_row *first, intptr_t rows, const int bits, const int count,
    const int sparse, const int narrow, struct avx512_row_sums *out) {
  struct avx512_row r = *first;
  const intptr_t code_bytes = r.runs * 8 * bits;
  const intptr_t row_scales = narrow ? r.runs * r.per_run : r.runs;
  for (intptr_t row = 0; row < rows; row++) {
    __m512 sum[ctk_decode_pass_rows];
    if (bits == 4 && !sparse && !narrow)
      avx512_nibble_sums(&r, count, sum);
    else
      avx512_sums(&r, bits, count, sparse, narrow, sum);
    avx512_put_row(out, sum, r.corrections, count);
    r.codes += code_bytes;
    r.scales += row_scales;
    r.corrections += 16 * count;
  }
}

#define AVX512_ROW_LOOP(name, bits, sparse, narrow)                                              \
  CTK_AVX512_VNNI static void name(                                                              \
      const struct avx512_row *r, intptr_t rows, intptr_t count, struct avx512_row_sums *out) {  \
    switch (count) {                                                                             \
      case 1: avx512_multiply_rows(r, rows, bits, 1, sparse, narrow, out); break;                \
      case 2: avx512_multiply_rows(r, rows, bits, 2, sparse, narrow, out); break;                \
      case 3: avx512_multiply_rows(r, rows, bits, 3, sparse, narrow, out); break;                \
      default: avx512_multiply_rows(r, rows, bits, 4, sparse, narrow, out); break;               \
    }                                                                                            \
  }
AVX512_ROW_LOOP(avx512_dense_2, 2, 0, 0)
AVX512_ROW_LOOP(avx512_dense_3, 3, 0, 0)
AVX512_ROW_LOOP(avx512_dense_4, 4, 0, 0)
AVX512_ROW_LOOP(avx512_dense_8, 8, 0, 0)
AVX512_ROW_LOOP(avx512_dense_2_narrow, 2, 0, 1)
AVX512_ROW_LOOP(avx512_dense_3_narrow, 3, 0, 1)
AVX512_ROW_LOOP(avx512_dense_4_narrow, 4, 0, 1)
AVX512_ROW_LOOP(avx512_dense_8_narrow, 8, 0, 1)
AVX512_ROW_LOOP(avx512_sparse, 8, 1, 0)
AVX512_ROW_LOOP(avx512_sparse_narrow, 8, 1, 1)

typedef void (*avx512_loop)(
    const struct avx512_row *, intptr_t rows, intptr_t count, struct avx512_row_sums *out);

/// The specialised loop for a matrix, over `count` rows of inputs.
static inline avx512_loop avx512_loop_for(const struct ctk_packed *w) {
  const int narrow = w->group_size < 64;
  if (ctk_is_sparse(w)) return narrow ? avx512_sparse_narrow : avx512_sparse;
  switch (w->bits) {
    case 2: return narrow ? avx512_dense_2_narrow : avx512_dense_2;
    case 3: return narrow ? avx512_dense_3_narrow : avx512_dense_3;
    case 4: return narrow ? avx512_dense_4_narrow : avx512_dense_4;
    default: return narrow ? avx512_dense_8_narrow : avx512_dense_8;
  }
}
