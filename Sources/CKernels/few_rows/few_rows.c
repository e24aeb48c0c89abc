// Products with one to four rows of inputs, where the time is what it takes to read the weights:
// codes go into the integer product as they are stored, four neighbours to a sum, so that a block
// of 64 weights costs about ten instructions.
//
//   Σ (code − zero)·scale·x  =  Σ over groups of scale·(Σ code·x − zero·Σ x)
//
// Inputs have 16 bits, in two bytes. With eight, which would take a fifth off the loops for sparse
// weights, the perplexity of a 50 % sparse model rises by half a per cent.
#include "few_rows.h"

#include "dispatch.h"
#include "few_rows_masked.h"
#include "few_rows_pairs.h"
#include "few_rows_scales.h"
#include "few_space.h"
#include "planar_codes.h"

intptr_t ctk_few_scratch(const struct ctk_packed *w) {
  // As few_product() takes it with AVX-512: scales, corrections and zeros of a batch of rows, masks,
  // codes and factors of two rows and the next two; each part starts a line.
  const intptr_t runs = ctk_runs(w->columns), size = batch_size(w);
  const intptr_t batches = 4 * (ctk_few_rows + 1) * size +
                           64 * ctk_few_rows * (rows_at_once(ctk_groups(w)) + 1) +
                           2 * (16 * runs + 64 * (2 * runs + 3)) + 8 * (2 * runs + 16) + 2 * runs +
                           size + 128 + 64 * 10;
  const intptr_t one_row = ctk_few_space_bytes(w);
  return batches > one_row ? batches : one_row;
}

// ---- Plain twins ----

static float weight_of(const struct ctk_packed *w, intptr_t row, intptr_t column, int64_t *index) {
  if (ctk_is_sparse(w) && !(ctk_mask_word(w, row, column / 64) >> (column % 64) & 1)) return 0;
  const intptr_t group = row * ctk_groups(w) + column / w->group_size;
  const uint8_t code = ctk_single_code(w->codes, w->bits, (*index)++);
  return ((float)code - ctk_zero(w, group)) * ctk_scale(w, group);
}

void ctk_multiply_few_ref(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  (void)scratch;
  const intptr_t runs = ctk_runs(w->columns);
  for (intptr_t r = first; r < last; r++)
    for (intptr_t j = 0; j < x->rows; j++) {
      int64_t index = ctk_row_start(w, r);
      double sum = 0;
      for (intptr_t c = 0; c < w->columns; c++) {
        const intptr_t place = (j * runs + c / 64) * 128 + c % 64;
        const int32_t q = 256 * x->values[place] + x->values[place + 64];
        sum += (double)weight_of(w, r, c, &index) * q * x->scales[j * runs + c / 64];
      }
      y[j * ldy + r] = (float)sum;
    }
}

#if defined(__x86_64__)

/// Space for the masks and survivors' codes of two rows.
struct sparse_space {
  uint8_t *codes;
  uint64_t *words;
};

/// Which of a row's columns survive.
CTK_BF16 static const uint64_t *mask_words(
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
CTK_BF16 static struct ctk_waiting masked_rows(
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

/// The zero of each run, from those of the groups: those themselves where a run is a group.
static inline const uint8_t *zeros_of_runs(
    const struct ctk_packed *w, const uint8_t *zeros, uint8_t *space) {
  const intptr_t per_group = w->group_size / 64, runs = ctk_runs(w->columns);
  if (per_group == 1) return zeros;
  for (intptr_t b = 0; b < runs; b++) space[b] = zeros[b / per_group];
  return space;
}

/// The next `bytes` of the scratch memory, at the start of a line of the caches.
static inline void *take(uint8_t **scratch, intptr_t bytes) {
  uint8_t *start = (uint8_t *)(((uintptr_t)*scratch + 63) & ~(uintptr_t)63);
  *scratch = start + bytes;
  return start;
}

/// Everything that the rows of one product have in common.
struct few_product {
  const struct ctk_packed *w;
  const struct ctk_few_inputs *x;
  intptr_t runs, groups, size;
  struct batch_scales all;
  uint8_t *zeros;                  // of the runs of two rows
  struct ctk_run_factor *factors;  // the same
  struct sparse_space space[2];
  float *y;
  intptr_t ldy;
};

CTK_BF16 static struct few_product few_product(
    const struct ctk_packed *w, const struct ctk_few_inputs *x, float *y, intptr_t ldy,
    uint8_t *scratch) {
  struct few_product p = {
      .w = w, .x = x, .runs = ctk_runs(w->columns), .groups = ctk_groups(w),
      .size = batch_size(w), .y = y, .ldy = ldy};
  const intptr_t runs = p.runs;
  p.all.combined = take(&scratch, 4 * ctk_few_rows * p.size);
  p.all.scale = take(&scratch, 4 * p.size);
  p.all.corrections = take(&scratch, 64 * ctk_few_rows * (rows_at_once(p.groups) + 1));
  for (int i = 0; i < 2; i++) {
    p.space[i].words = take(&scratch, 16 * runs);
    p.space[i].codes = take(&scratch, 64 * (2 * runs + 3));
  }
  p.factors = take(&scratch, (intptr_t)sizeof *p.factors * (2 * runs + 16));
  p.zeros = take(&scratch, 2 * runs + 64);
  p.all.zero = take(&scratch, p.size + 64);
  return p;
}

/// The sums of row `i` of a batch that starts at `top`, without the zeros' share.
CTK_BF16 static inline void put_sums(
    const struct few_product *p, intptr_t top, intptr_t i, const __m512 sum[]) {
  for (intptr_t j = 0; j < p->x->rows; j++)
    p->y[j * p->ldy + top + i] = _mm512_reduce_add_ps(_mm512_sub_ps(
        sum[j], _mm512_loadu_ps(p->all.corrections + 16 * (i * p->x->rows + j))));
}

/// The zeros of the runs of `rows` rows (at most two) of a batch, from its row `i` on.
static inline const uint8_t *zeros_of_rows(const struct few_product *p, intptr_t i, intptr_t rows) {
  const uint8_t *zeros = p->all.zero + i * p->groups;
  if (p->groups == p->runs) return zeros;
  for (intptr_t r = 0; r < rows; r++)
    zeros_of_runs(p->w, zeros + r * p->groups, p->zeros + r * p->runs);
  return p->zeros;
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
      for (intptr_t k = 0; k < rows; k++) put_sums(p, top, i + k, sums + k);
    }
  }
}

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
      const uint8_t *zeros = zeros_of_rows(p, i, these);
      for (intptr_t r = 0; r < these; r++)
        ctk_run_factors(
            p->all.combined + (i + r) * p->runs, zeros + r * p->runs, p->runs,
            p->factors + r * p->runs);
      rows.factors[0] = p->factors;
      rows.factors[1] = p->factors + (these - 1) * p->runs;
      __m512 sums[2];
      loop(&rows, p->runs, p->x->values, waiting, sums);
      for (intptr_t r = 0; r < these; r++) put_sums(p, top, i + r, sums + r);
    }
  }
}

/// Everything else: dense rows, and sparse ones with several rows of inputs or narrow groups.
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
      loop(&r, rows, p->x->rows, p->y + top, p->ldy);
      continue;
    }
    for (intptr_t row = top; row < top + rows; row++) {
      r.codes = next.codes;
      r.words = next.words;
      r.group_zeros = p->all.zero + (row - top) * p->groups;
      if (!fine) r.run_zeros = zeros_of_runs(w, r.group_zeros, p->zeros);
      if (row + 1 < last) next = read_sparse_row(w, row + 1, p->space[(row + 1 - first) % 2]);
      loop(&r, 1, p->x->rows, p->y + row, p->ldy);
      r.scales += row_scales(w);
      r.corrections += 16 * p->x->rows;
    }
  }
}

CTK_BF16 static void multiply_few(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  if (first >= last) return;
  const struct few_product p = few_product(w, x, y, ldy, scratch);
  const ctk_pairs_loop pairs = ctk_pairs_loop_for(w);
  if (pairs)
    multiply_pairs(&p, first, last, pairs);
  else if (ctk_is_sparse(w) && x->rows == 1 && w->group_size % 64 == 0)
    multiply_masked(&p, first, last);
  else
    multiply_rows(&p, first, last);
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
