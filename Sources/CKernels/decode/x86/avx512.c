// The decode product over rows of weights with AVX-512 VBMI2 and VNNI.
#if defined(__x86_64__)
#include "avx512_masked.h"
#include "avx512_product.h"
#include "avx512_rows.h"

/// Survivors' codes, one byte each, and mask of one row.
struct avx512_sparse_row {
  const uint8_t *codes;
  const uint64_t *words;
};

CTK_AVX512_VNNI static struct avx512_sparse_row avx512_read_sparse_row(
    const struct ctk_packed *w, intptr_t row, struct avx512_survivors space) {
  struct avx512_masked_rows one;
  const struct avx512_packed_blocks pending = avx512_read_masked_rows(w, row, 1, space, &one);
  ctk_unpack_blocks_avx512(pending.codes, pending.blocks, w->bits, pending.out);
  return (struct avx512_sparse_row){one.codes[0], one.words[0]};
}

/// Appends the results of rows first..<last, of which there may be none: dense rows, and sparse
/// ones with several rows of inputs or narrow groups.
CTK_AVX512_VNNI static void avx512_multiply_any(
    const struct avx512_product *p, intptr_t first, intptr_t last) {
  const struct ctk_packed *w = p->w;
  const struct avx512_batch scales = p->space.batch;
  const intptr_t batch = avx512_batch_rows(p->groups);
  const int sparse = ctk_is_sparse(w), narrow = w->group_size < 64;
  const avx512_loop loop = avx512_loop_for(w);
  struct avx512_row r = {
      .values = p->x->values, .runs = p->runs, .value_stride = 128 * p->runs,
      .scale_stride = scales.size, .per_run = narrow ? 64 / w->group_size : 1};
  if (narrow) {
    // Lane i has the sum of columns 4·i … 4·i + 3.
    const __m512i shift = _mm512_set1_epi32(__builtin_ctzll((uint64_t)w->group_size));
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    r.lanes = _mm512_srlv_epi32(_mm512_slli_epi32(lane, 2), shift);
    r.bytes = _mm512_mullo_epi32(r.lanes, _mm512_set1_epi32(0x01010101));
  }
  // Sparse rows are unpacked one ahead of the loop, against store-forwarding stalls.
  struct avx512_sparse_row next = {0};
  if (sparse && first < last) next = avx512_read_sparse_row(w, first, p->space.survivors[0]);
  for (intptr_t top = first; top < last; top += batch) {
    const intptr_t rows = last - top < batch ? last - top : batch;
    avx512_prepare_scales(w, p->x, top, rows, scales);
    r.scales = scales.combined;
    r.corrections = scales.corrections;
    if (!sparse) {
      r.codes = w->codes + top * p->runs * 8 * w->bits;
      loop(&r, rows, p->x->rows, p->out);
      continue;
    }
    for (intptr_t row = top; row < top + rows; row++) {
      r.codes = next.codes;
      r.words = next.words;
      r.group_zeros = scales.zero + (row - top) * p->groups;
      if (!narrow) r.run_zeros = avx512_run_zeros(w, r.group_zeros, p->space.run_zeros);
      if (row + 1 < last)
        next = avx512_read_sparse_row(w, row + 1, p->space.survivors[(row + 1 - first) % 2]);
      loop(&r, 1, p->x->rows, p->out);
      r.scales += avx512_row_scales(w);
      r.corrections += 16 * p->x->rows;
    }
  }
}

CTK_AVX512_VNNI static void avx512_multiply(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_decode_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  // Without an initialiser: clearing `lanes` would take as long as some rows.
  struct avx512_row_sums out;
  out.pending = 0;
  out.inputs = x->rows;
  out.y = y + first;
  out.ldy = ldy;
  struct ctk_arena arena = {.start = scratch};
  const struct avx512_product p = {
      .w = w, .x = x, .runs = ctk_runs(w->columns), .groups = ctk_groups(w),
      .space = avx512_workspace(w, &arena), .out = &out};
  if (ctk_is_sparse(w) && x->rows == 1 && w->group_size % 64 == 0)
    avx512_multiply_masked(&p, first, last);
  else
    avx512_multiply_any(&p, first, last);
  avx512_write_rows(&out);
}

static intptr_t avx512_scratch(const struct ctk_packed *w) {
  struct ctk_arena arena = {0};
  avx512_workspace(w, &arena);
  return arena.used;
}

const struct ctk_decode_kernel ctk_avx512_rows = {avx512_multiply, avx512_scratch};
#endif
