// The loops of few_rows.c for weights under a bitmask, or any n:m pattern turned into one.
#pragma once
#include "few_product.h"

#if defined(__x86_64__)

/// Two rows of weights: survivors' codes, one byte each, the columns that they are of, and per run the
/// scale (the weights' times the inputs') and the zero.
struct ctk_masked_rows {
  const uint8_t *codes[2];
  const uint64_t *words[2];
  const float *scales[2];
  const uint8_t *zeros[2];
};

/// Blocks of codes that are still to be turned into bytes.
struct ctk_waiting {
  const uint8_t *codes;
  uint8_t *out;
  intptr_t blocks;
};

CTK_BF16 static inline __attribute__((always_inline)) void ctk_decode_waiting(
    struct ctk_waiting *next, intptr_t blocks, const int bits) {
  for (intptr_t i = 0; i < blocks; i++) {
    if (bits == 8 || i % 2 == 0)
      _mm_prefetch((const char *)next->codes + ctk_codes_ahead, _MM_HINT_T1);
    _mm512_storeu_si512(next->out, ctk_codes64(next->codes, bits));
    next->codes += 8 * bits;
    next->out += 64;
  }
  next->blocks -= blocks;
}

/// One run of a row: its next codes where the mask has ones, the zero elsewhere.
CTK_BF16 static inline __attribute__((always_inline)) __m512i ctk_spread(
    const uint8_t **codes, uint64_t kept, uint8_t zero) {
  __m512i next = _mm512_loadu_si512(*codes);
  // Out of a register; some processors are slow at expanding from memory.
  __asm__("" : "+v"(next));
  *codes += __builtin_popcountll(kept);
  return _mm512_mask_expand_epi8(_mm512_set1_epi8((char)zero), kept, next);
}

/// Adds a run of both rows.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_add_masked(
    struct ctk_masked_rows *rows, intptr_t b, const int8_t *values,
    __m512 sums[2]) {
  __m512i x[2];
  ctk_load_run(values, x);
#pragma clang loop unroll(full)
  for (int r = 0; r < 2; r++) {
    const __m512i w = ctk_spread(&rows->codes[r], rows->words[r][b], rows->zeros[r][b]);
    sums[r] = ctk_add_run(sums[r], w, x, _mm512_set1_ps(rows->scales[r][b]));
  }
}

/// Adds pairs of runs from..<to, and decodes two blocks a pair where `decode` says so: a constant, as
/// `bits` is.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_add_masked_pairs(
    struct ctk_masked_rows *rows, intptr_t from, intptr_t to, const int8_t *values,
    struct ctk_waiting *next, const int decode, const int bits, __m512 even[2], __m512 odd[2]) {
  for (intptr_t p = from; p < to; p++) {
    // Both rows' masks are one stretch of memory, as those of the rows further on are.
    _mm_prefetch((const char *)(rows->words[0] + 4 * p) + ctk_codes_ahead, _MM_HINT_T1);
    if (decode) ctk_decode_waiting(next, 2, bits);
    ctk_add_masked(rows, 2 * p, values + 256 * p, even);
    ctk_add_masked(rows, 2 * p + 1, values + 256 * p + 128, odd);
  }
}

/// Two rows of weights and one of inputs, which is then loaded once for both. The codes of the next two
/// rows are decoded on the way: stores go on beside the products, what comes from memory is spread
/// evenly, and bytes that were just written would be slow to read at another alignment.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_masked_sums(
    const struct ctk_masked_rows *in, intptr_t runs, const int8_t *values,
    struct ctk_waiting waiting, const int bits, __m512 sums[2]) {
  struct ctk_masked_rows rows = *in;
  // Of their own, so that they stay in registers.
  __m512 even[2], odd[2];
#pragma clang loop unroll(full)
  for (int r = 0; r < 2; r++) even[r] = odd[r] = _mm512_setzero_ps();
  const intptr_t pairs = runs / 2;
  const intptr_t decoding = waiting.blocks / 2 < pairs ? waiting.blocks / 2 : pairs;
  ctk_add_masked_pairs(&rows, 0, decoding, values, &waiting, 1, bits, even, odd);
  ctk_add_masked_pairs(&rows, decoding, pairs, values, &waiting, 0, bits, even, odd);
  ctk_decode_waiting(&waiting, waiting.blocks, bits);
  if (runs % 2 != 0) ctk_add_masked(&rows, runs - 1, values + 128 * (runs - 1), even);
#pragma clang loop unroll(full)
  for (int r = 0; r < 2; r++) sums[r] = _mm512_add_ps(even[r], odd[r]);
}

typedef void (*ctk_masked_loop)(
    const struct ctk_masked_rows *rows, intptr_t runs, const int8_t *values,
    struct ctk_waiting waiting, __m512 sums[2]);

#define CTK_MASKED_CASE(name, bits)                                             \
  CTK_BF16 static void name(                                                    \
      const struct ctk_masked_rows *rows, intptr_t runs, const int8_t *values,  \
      struct ctk_waiting waiting, __m512 sums[2]) {                             \
    ctk_masked_sums(rows, runs, values, waiting, bits, sums);                   \
  }
CTK_MASKED_CASE(ctk_masked_2, 2)
CTK_MASKED_CASE(ctk_masked_3, 3)
CTK_MASKED_CASE(ctk_masked_4, 4)
CTK_MASKED_CASE(ctk_masked_8, 8)

static inline ctk_masked_loop ctk_masked_loop_for(const struct ctk_packed *w) {
  switch (w->bits) {
    case 2: return ctk_masked_2;
    case 3: return ctk_masked_3;
    case 4: return ctk_masked_4;
    default: return ctk_masked_8;
  }
}

/// Which of a row's columns survive.
CTK_BF16 static inline __attribute__((always_inline)) const uint64_t *mask_words(
    const struct ctk_packed *w, intptr_t row, uint64_t *space) {
  const intptr_t runs = ctk_runs(w->columns);
  const uint8_t *mask = w->mask ? w->mask + row * runs * 8 : 0;
  if (mask && (uintptr_t)mask % 8 == 0) return (const uint64_t *)(const void *)mask;
  if (mask)
    memcpy(space, mask, (size_t)runs * 8);
  else
    for (intptr_t b = 0; b < runs; b++) space[b] = ctk_mask_word_fast(w, row, b);
  return space;
}

/// Rows `row` and, where `count` is 2, the one behind it, as their loop takes them, and the codes that
/// are to be decoded before. A single row stands there twice.
CTK_BF16 static inline __attribute__((always_inline)) struct ctk_waiting masked_rows(
    const struct ctk_packed *w, intptr_t row, intptr_t count, struct sparse_space space,
    struct ctk_masked_rows *out) {
  const int64_t start = ctk_row_start(w, row), block = start / 64;
  const int64_t end = w->mask ? w->row_starts[row + count] : start + count * ctk_kept_per_row(w);
  for (intptr_t r = 0; r < 2; r++) {
    const intptr_t one = r < count ? row + r : row;
    out->codes[r] = space.codes + (ctk_row_start(w, one) - 64 * block);
    out->words[r] = mask_words(w, one, space.words + r * ctk_runs(w->columns));
  }
  return (struct ctk_waiting){
      w->codes + block * 8 * w->bits, space.codes, (end + 63) / 64 - block};
}

/// Rows of fewer runs are over before decoding on the way pays.
enum { short_row = 32 };

/// Sparse rows, two at a time, and one row of inputs; groups of whole runs.
CTK_BF16 static void multiply_masked(
    const struct few_product *p, intptr_t first, intptr_t last) {
  const intptr_t batch = (rows_at_once(p->groups) + 1) & ~(intptr_t)1;
  const ctk_masked_loop loop = ctk_masked_loop_for(p->w);
  struct ctk_masked_rows next = {0};
  const struct ctk_waiting start =
      masked_rows(p->w, first, last - first < 2 ? 1 : 2, p->space[0], &next);
  ctk_decode_blocks(start.codes, start.blocks, p->w->bits, start.out);
  int set = 0;
  for (intptr_t top = first; top < last; top += batch) {
    const intptr_t count = last - top < batch ? last - top : batch;
    prepare_scales(p->w, p->x, top, count, p->all);
    for (intptr_t i = 0; i < count; i += 2) {
      struct ctk_masked_rows rows = next;
      struct ctk_waiting waiting = {0};
      const intptr_t ahead = top + i + 2, these = count - i < 2 ? 1 : 2;
      set = 1 - set;
      if (ahead < last)
        waiting = masked_rows(p->w, ahead, last - ahead < 2 ? 1 : 2, p->space[set], &next);
      if (p->runs < short_row) {
        ctk_decode_blocks(waiting.codes, waiting.blocks, p->w->bits, waiting.out);
        waiting.blocks = 0;
      }
      rows.scales[0] = p->all.combined + i * p->runs;
      rows.zeros[0] = zeros_of_rows(p, i, these);
      rows.scales[1] = rows.scales[0] + (these - 1) * p->runs;
      rows.zeros[1] = rows.zeros[0] + (these - 1) * p->runs;
      __m512 sums[2];
      loop(&rows, p->runs, p->x->values, waiting, sums);
      for (intptr_t r = 0; r < these; r++) put_sums(p, i + r, sums + r);
    }
  }
}
#endif
