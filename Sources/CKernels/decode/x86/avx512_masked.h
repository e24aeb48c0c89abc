// The AVX-512 loop over sparse rows, two rows of weights at a time against one row of inputs:
// unstructured masks, and n:m patterns turned into masks. Groups are whole runs.
#pragma once
#include <string.h>

#include "avx512_product.h"
#include "avx512_rows.h"

/// Two rows of weights: survivors' codes, one byte each, their masks, and combined scale and zero
/// point per run.
struct avx512_masked_rows {
  const uint8_t *codes[2];
  const uint64_t *words[2];
  const float *scales[2];
  const uint8_t *zeros[2];
};

/// Blocks of packed codes yet to be unpacked to bytes.
struct avx512_packed_blocks {
  const uint8_t *codes;
  uint8_t *out;
  intptr_t blocks;
};

CTK_AVX512_VNNI_INLINE void avx512_unpack_next(
    struct avx512_packed_blocks *next, intptr_t blocks, const int bits) {
  for (intptr_t i = 0; i < blocks; i++) {
    if (bits == 8 || i % 2 == 0)
      _mm_prefetch((const char *)next->codes + ctk_prefetch_distance, _MM_HINT_T1);
    _mm512_storeu_si512(next->out, ctk_codes64(next->codes, bits));
    next->codes += 8 * bits;
    next->out += 64;
  }
  next->blocks -= blocks;
}

/// One run of a row: its next codes where the mask has ones, the zero point elsewhere.
CTK_AVX512_VNNI_INLINE __m512i avx512_expand(const uint8_t **codes, uint64_t kept, uint8_t zero) {
  __m512i next = _mm512_loadu_si512(*codes);
  // Keeps the operand in a register: VPEXPANDB from memory is slow on some processors.
  __asm__("" : "+v"(next));
  *codes += __builtin_popcountll(kept);
  return _mm512_mask_expand_epi8(_mm512_set1_epi8((char)zero), kept, next);
}

/// Adds scale·(Σ w·x) of one run; x: its high bytes, then its low ones.
CTK_AVX512_VNNI_INLINE __m512 avx512_scaled_run(
    __m512 sum, __m512i w, const __m512i x[2], __m512 scale) {
  const __m512i upper = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w, x[0]);
  const __m512i both = _mm512_dpbusd_epi32(_mm512_slli_epi32(upper, 8), w, x[1]);
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(both), scale, sum);
}

/// One run of inputs, kept in registers for both rows of weights rather than as memory operands.
CTK_AVX512_VNNI_INLINE void avx512_load_run(const int8_t *values, __m512i x[2]) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    x[i] = _mm512_loadu_si512(values + 64 * i);
    __asm__("" : "+v"(x[i]));
  }
}

/// Adds a run of both rows.
CTK_AVX512_VNNI_INLINE void avx512_add_masked_run(
    struct avx512_masked_rows *rows, intptr_t b, const int8_t *values, __m512 sums[2]) {
  __m512i x[2];
  avx512_load_run(values, x);
#pragma clang loop unroll(full)
  for (int r = 0; r < 2; r++) {
    const __m512i w = avx512_expand(&rows->codes[r], rows->words[r][b], rows->zeros[r][b]);
    sums[r] = avx512_scaled_run(sums[r], w, x, _mm512_set1_ps(rows->scales[r][b]));
  }
}

/// Adds pairs of runs from..<to; with `unpack` it also unpacks two blocks of `next` per pair.
/// `unpack` and `bits` are constants.
CTK_AVX512_VNNI_INLINE void avx512_add_masked_pairs(
    struct avx512_masked_rows *rows, intptr_t from, intptr_t to, const int8_t *values,
    struct avx512_packed_blocks *next, const int unpack, const int bits, __m512 even[2],
    __m512 odd[2]) {
  for (intptr_t p = from; p < to; p++) {
    // The masks of consecutive rows are contiguous, so one stream of prefetches covers both rows.
    _mm_prefetch((const char *)(rows->words[0] + 4 * p) + ctk_prefetch_distance, _MM_HINT_T1);
    if (unpack) avx512_unpack_next(next, 2, bits);
    avx512_add_masked_run(rows, 2 * p, values + 256 * p, even);
    avx512_add_masked_run(rows, 2 * p + 1, values + 256 * p + 128, odd);
  }
}

/// Sums of two rows of weights with one of inputs, in lanes, each run of inputs loaded once for
/// both. The codes of the next two rows are unpacked in the same loop, so that stores overlap with
/// the products and memory traffic is spread evenly. Unpacking the current rows instead would cost
/// store-forwarding stalls: survivors are read at any alignment, so that a load spans two recent
/// stores.
CTK_AVX512_VNNI_INLINE void avx512_masked_sums(
    const struct avx512_masked_rows *in, intptr_t runs, const int8_t *values,
    struct avx512_packed_blocks pending, const int bits, __m512 sums[2]) {
  struct avx512_masked_rows rows = *in;
  // Local accumulators, so that they stay in registers.
  __m512 even[2], odd[2];
#pragma clang loop unroll(full)
  for (int r = 0; r < 2; r++) even[r] = odd[r] = _mm512_setzero_ps();
  const intptr_t pairs = runs / 2;
  const intptr_t unpacking = pending.blocks / 2 < pairs ? pending.blocks / 2 : pairs;
  avx512_add_masked_pairs(&rows, 0, unpacking, values, &pending, 1, bits, even, odd);
  avx512_add_masked_pairs(&rows, unpacking, pairs, values, &pending, 0, bits, even, odd);
  avx512_unpack_next(&pending, pending.blocks, bits);
  if (runs % 2 != 0) avx512_add_masked_run(&rows, runs - 1, values + 128 * (runs - 1), even);
#pragma clang loop unroll(full)
  for (int r = 0; r < 2; r++) sums[r] = _mm512_add_ps(even[r], odd[r]);
}

typedef void (*avx512_masked_loop)(
    const struct avx512_masked_rows *rows, intptr_t runs, const int8_t *values,
    struct avx512_packed_blocks pending, __m512 sums[2]);

#define AVX512_MASKED_LOOP(name, bits)                                                  \
  CTK_AVX512_VNNI static void name(                                                     \
      const struct avx512_masked_rows *rows, intptr_t runs, const int8_t *values,       \
      struct avx512_packed_blocks pending, __m512 sums[2]) {                            \
    avx512_masked_sums(rows, runs, values, pending, bits, sums);                        \
  }
AVX512_MASKED_LOOP(avx512_masked_2, 2)
AVX512_MASKED_LOOP(avx512_masked_3, 3)
AVX512_MASKED_LOOP(avx512_masked_4, 4)
AVX512_MASKED_LOOP(avx512_masked_8, 8)

static inline avx512_masked_loop avx512_masked_loop_for(const struct ctk_packed *w) {
  switch (w->bits) {
    case 2: return avx512_masked_2;
    case 3: return avx512_masked_3;
    case 4: return avx512_masked_4;
    default: return avx512_masked_8;
  }
}

/// Points `out` at the survivors of `count` rows (one or two) from `row` on, and returns the blocks
/// that have to be unpacked before. A single row is listed twice.
CTK_AVX512_VNNI_INLINE struct avx512_packed_blocks avx512_read_masked_rows(
    const struct ctk_packed *w, intptr_t row, intptr_t count, struct avx512_survivors space,
    struct avx512_masked_rows *out) {
  const int64_t start = ctk_row_start(w, row), block = start / 64;
  const int64_t end = w->mask ? w->row_starts[row + count] : start + count * ctk_kept_per_row(w);
  for (intptr_t r = 0; r < 2; r++) {
    const intptr_t one = r < count ? row + r : row;
    out->codes[r] = space.codes + (ctk_row_start(w, one) - 64 * block);
    out->words[r] = ctk_mask_words_avx512(w, one, space.words + r * ctk_runs(w->columns));
  }
  return (struct avx512_packed_blocks){
      w->codes + block * 8 * w->bits, space.codes, (end + 63) / 64 - block};
}

/// The fewest runs per row for which unpacking in the product's loop pays off.
enum { avx512_short_row = 32 };

/// Appends the results of rows first..<last to p->out.
CTK_AVX512_VNNI static void avx512_multiply_masked(
    const struct avx512_product *p, intptr_t first, intptr_t last) {
  const intptr_t batch = (avx512_batch_rows(p->groups) + 1) & ~(intptr_t)1;
  const avx512_masked_loop loop = avx512_masked_loop_for(p->w);
  struct avx512_masked_rows next = {0};
  const struct avx512_packed_blocks start =
      avx512_read_masked_rows(p->w, first, last - first < 2 ? 1 : 2, p->space.survivors[0], &next);
  ctk_unpack_blocks_avx512(start.codes, start.blocks, p->w->bits, start.out);
  int set = 0;
  for (intptr_t top = first; top < last; top += batch) {
    const intptr_t count = last - top < batch ? last - top : batch;
    avx512_prepare_scales(p->w, p->x, top, count, p->space.batch);
    for (intptr_t i = 0; i < count; i += 2) {
      struct avx512_masked_rows rows = next;
      struct avx512_packed_blocks pending = {0};
      const intptr_t ahead = top + i + 2, these = count - i < 2 ? 1 : 2;
      set = 1 - set;
      if (ahead < last)
        pending = avx512_read_masked_rows(
            p->w, ahead, last - ahead < 2 ? 1 : 2, p->space.survivors[set], &next);
      if (p->runs < avx512_short_row) {
        ctk_unpack_blocks_avx512(pending.codes, pending.blocks, p->w->bits, pending.out);
        pending.blocks = 0;
      }
      rows.scales[0] = p->space.batch.combined + i * p->runs;
      rows.zeros[0] = avx512_run_zeros_of_rows(p, i, these);
      rows.scales[1] = rows.scales[0] + (these - 1) * p->runs;
      rows.zeros[1] = rows.zeros[0] + (these - 1) * p->runs;
      __m512 sums[2];
      loop(&rows, p->runs, p->x->values, pending, sums);
      for (intptr_t r = 0; r < these; r++)
        avx512_put_row(p->out, sums + r, p->space.batch.corrections + 16 * (i + r), 1);
    }
  }
}
