// What all rows of a product of few_rows.c have in common, and the memory that it works in.
#pragma once
#include "few_rows_run.h"
#include "few_rows_scales.h"

#if defined(__x86_64__)

/// Space for the masks and survivors' codes of two rows.
struct sparse_space {
  uint8_t *codes;
  uint64_t *words;
};

/// Everything that the rows of one product have in common.
struct few_product {
  const struct ctk_packed *w;
  const struct ctk_few_inputs *x;
  intptr_t runs, groups, size;
  struct batch_scales all;
  uint8_t *zeros;  // of the runs of two rows
  struct sparse_space space[2];
  struct ctk_row_sums *out;
};

/// The next `bytes` of the scratch memory, at the start of a line of the caches.
static inline void *take(uint8_t **scratch, intptr_t bytes) {
  uint8_t *start = (uint8_t *)(((uintptr_t)*scratch + 63) & ~(uintptr_t)63);
  *scratch = start + bytes;
  return start;
}

CTK_BF16 static inline struct few_product few_product(
    const struct ctk_packed *w, const struct ctk_few_inputs *x, struct ctk_row_sums *out,
    uint8_t *scratch) {
  struct few_product p = {
      .w = w, .x = x, .runs = ctk_runs(w->columns), .groups = ctk_groups(w),
      .size = batch_size(w), .out = out};
  const intptr_t runs = p.runs;
  p.all.combined = take(&scratch, 4 * ctk_few_rows * p.size);
  p.all.scale = take(&scratch, 4 * p.size);
  p.all.corrections = take(&scratch, 64 * ctk_few_rows * (rows_at_once(p.groups) + 1));
  for (int i = 0; i < 2; i++) {
    p.space[i].words = take(&scratch, 16 * runs);
    p.space[i].codes = take(&scratch, 64 * (2 * runs + 3));
  }
  p.zeros = take(&scratch, 2 * runs + 64);
  p.all.zero = take(&scratch, p.size + 64);
  return p;
}

/// The zero of each run, from those of the groups: those themselves where a run is a group.
static inline const uint8_t *zeros_of_runs(
    const struct ctk_packed *w, const uint8_t *zeros, uint8_t *space) {
  const intptr_t per_group = w->group_size / 64, runs = ctk_runs(w->columns);
  if (per_group == 1) return zeros;
  for (intptr_t b = 0; b < runs; b++) space[b] = zeros[b / per_group];
  return space;
}

/// The zeros of the runs of `rows` rows of a batch, from its row `i` on; at most two where runs aren't
/// groups.
static inline const uint8_t *zeros_of_rows(const struct few_product *p, intptr_t i, intptr_t rows) {
  const uint8_t *zeros = p->all.zero + i * p->groups;
  if (p->groups == p->runs) return zeros;
  for (intptr_t r = 0; r < rows; r++)
    zeros_of_runs(p->w, zeros + r * p->groups, p->zeros + r * p->runs);
  return p->zeros;
}

/// The sums of row `i` of a batch, which come in order.
CTK_BF16 static inline void put_sums(
    const struct few_product *p, intptr_t i, const __m512 sums[]) {
  const intptr_t inputs = p->x->rows;
  ctk_put_row(p->out, sums, p->all.corrections + 16 * i * inputs, inputs);
}
#endif
