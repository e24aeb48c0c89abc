// Products with one to four rows of inputs, where the time is what it takes to read the weights:
// codes go into the integer product as they are stored, four neighbours to a sum, so that a block
// of 64 weights costs about ten instructions.
//
//   Σ (code − zero)·scale·x  =  Σ over groups of scale·(Σ code·x − zero·Σ x)
//
// Inputs have 16 bits, in two bytes. With eight, which would take a fifth off the loops for sparse
// weights, the perplexity of a 50 % sparse model rises by half a per cent. With eight and a scale for
// each four columns it stays, but scaling then takes as long as the second byte's product did.
#include "few_rows.h"

#include "dispatch.h"
#include "few_rows_masked.h"
#include "few_rows_tiles.h"
#include "few_space.h"
#include "planar_codes.h"
#include "single_weight.h"

intptr_t ctk_few_scratch(const struct ctk_packed *w) {
  if (w->interleaved) return ctk_tile_scratch(w);
  // As few_product() takes it with AVX-512: scales, corrections and zeros of a batch of rows, masks and
  // codes of two rows and the next two; each part starts a line.
  const intptr_t runs = ctk_runs(w->columns), size = batch_size(w);
  const intptr_t batches = 4 * (ctk_few_rows + 1) * size +
                           64 * ctk_few_rows * (rows_at_once(ctk_groups(w)) + 1) +
                           2 * (16 * runs + 64 * (2 * runs + 3)) +
                           2 * runs + size + 128 + 64 * 9;
  const intptr_t one_row = ctk_few_space_bytes(w);
  return batches > one_row ? batches : one_row;
}

// ---- Plain twins ----

void ctk_multiply_few_ref(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  (void)scratch;
  const intptr_t runs = ctk_runs(w->columns);
  for (intptr_t r = first; r < last; r++)
    for (intptr_t j = 0; j < x->rows; j++) {
      double sum = 0;
      for (intptr_t c = 0; c < w->columns; c++) {
        const intptr_t place = (j * runs + c / 64) * 128 + c % 64;
        const int32_t q = 256 * x->values[place] + x->values[place + 64];
        sum += (double)ctk_single_weight(w, r, c) * q * x->scales[j * runs + c / 64];
      }
      y[j * ldy + r] = (float)sum;
    }
}

#if defined(__x86_64__)

/// Codes, one byte each, and masks of one row, a row ahead of its loop: bytes that were just written
/// are slow to read at another alignment.
struct sparse_row {
  const uint8_t *codes;
  const uint64_t *words;
};

CTK_BF16 static struct sparse_row read_sparse_row(
    const struct ctk_packed *w, intptr_t row, struct sparse_space space) {
  struct ctk_masked_rows one;
  const struct ctk_waiting waiting = masked_rows(w, row, 1, space, &one);
  ctk_decode_blocks(waiting.codes, waiting.blocks, w->bits, waiting.out);
  return (struct sparse_row){one.codes[0], one.words[0]};
}

/// Everything else: dense rows, and sparse ones with several rows of inputs or narrow groups; none where
/// `first` is `last`.
CTK_BF16 static void multiply_rows(const struct few_product *p, intptr_t first, intptr_t last) {
  const struct ctk_packed *w = p->w;
  const intptr_t batch = rows_at_once(p->groups);
  const int sparse = ctk_is_sparse(w), fine = w->group_size < 64;
  const ctk_few_loop loop = ctk_few_loop_for(w);
  struct ctk_few_row r = {
      .values = p->x->values, .runs = p->runs, .value_stride = 128 * p->runs, .scale_stride = p->size,
      .per_run = fine ? 64 / w->group_size : 1};
  if (fine) {
    // Lane i sums up columns 4·i … 4·i + 3.
    const __m512i shift = _mm512_set1_epi32(__builtin_ctzll((uint64_t)w->group_size));
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    r.lanes = _mm512_srlv_epi32(_mm512_slli_epi32(lane, 2), shift);
    r.bytes = _mm512_mullo_epi32(r.lanes, _mm512_set1_epi32(0x01010101));
  }
  struct sparse_row next = {0};
  if (sparse && first < last) next = read_sparse_row(w, first, p->space[0]);
  for (intptr_t top = first; top < last; top += batch) {
    const intptr_t rows = last - top < batch ? last - top : batch;
    prepare_scales(p->w, p->x, top, rows, p->all);
    r.scales = p->all.combined;
    r.corrections = p->all.corrections;
    if (!sparse) {
      r.codes = w->codes + top * p->runs * 8 * w->bits;
      loop(&r, rows, p->x->rows, p->out);
      continue;
    }
    for (intptr_t row = top; row < top + rows; row++) {
      r.codes = next.codes;
      r.words = next.words;
      r.group_zeros = p->all.zero + (row - top) * p->groups;
      if (!fine) r.run_zeros = zeros_of_runs(w, r.group_zeros, p->zeros);
      if (row + 1 < last) next = read_sparse_row(w, row + 1, p->space[(row + 1 - first) % 2]);
      loop(&r, 1, p->x->rows, p->out);
      r.scales += row_scales(w);
      r.corrections += 16 * p->x->rows;
    }
  }
}

CTK_BF16 static void multiply_few(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  if (first >= last) return;
  if (w->interleaved) {
    multiply_tiles(w, first, last, x, y, ldy, scratch);
    return;
  }
  struct ctk_row_sums out;  // Zeros in all of it would take as long as some rows.
  out.waiting = 0;
  out.inputs = x->rows;
  out.y = y + first;
  out.ldy = ldy;
  const struct few_product p = few_product(w, x, &out, scratch);
  if (ctk_is_sparse(w) && x->rows == 1 && w->group_size % 64 == 0)
    multiply_masked(&p, first, last);
  else
    multiply_rows(&p, first, last);
  ctk_end_rows(&out);
}

#endif

void ctk_multiply_few(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  switch (ctk_few_kernels()) {
#if defined(__x86_64__)
    case ctk_few_avx512: multiply_few(w, first, last, x, y, ldy, scratch); break;
    case ctk_few_avx2: ctk_multiply_few_avx2(w, first, last, x, y, ldy, scratch); break;
#elif defined(__aarch64__)
    case ctk_few_dotprod: ctk_multiply_few_dotprod(w, first, last, x, y, ldy, scratch); break;
    case ctk_few_neon: ctk_multiply_few_neon(w, first, last, x, y, ldy, scratch); break;
#endif
    default: ctk_multiply_few_ref(w, first, last, x, y, ldy, scratch);
  }
}
