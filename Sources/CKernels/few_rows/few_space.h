// The processors' kernels for few rows (few_integer.h), and the memory that they work in.
#pragma once
#include "few_rows.h"
#include "planar_codes.h"

/// How the survivors of a row are told.
enum { ctk_few_dense, ctk_few_masked, ctk_few_pairs };

// How far ahead of their use codes are asked for; a page ends the processor's own look-ahead.
enum { ctk_few_ahead = 8192 };

/// What one row of weights needs; there is a vector of room behind each.
struct ctk_few_space {
  float *scales, *run_scales;
  uint64_t *words;
  uint8_t *zeros, *codes;
};

/// Where each of them starts, in bytes; the last number is the size of all.
static inline void ctk_few_places(const struct ctk_packed *w, intptr_t place[6]) {
  const intptr_t runs = ctk_runs(w->columns), groups = ctk_groups(w);
  const intptr_t sizes[5] = {
      4 * (groups + 16), 4 * (runs + w->group_size / 64 + 16), 8 * (runs + 1), groups + 192,
      64 * (runs + 3)};
  place[0] = 0;
  for (int i = 0; i < 5; i++) place[i + 1] = place[i] + (sizes[i] + 7) / 8 * 8;
}

static inline struct ctk_few_space ctk_few_space(const struct ctk_packed *w, uint8_t *scratch) {
  intptr_t place[6];
  ctk_few_places(w, place);
  return (struct ctk_few_space){
      (float *)(void *)(scratch + place[0]), (float *)(void *)(scratch + place[1]),
      (uint64_t *)(void *)(scratch + place[2]), scratch + place[3], scratch + place[4]};
}

static inline intptr_t ctk_few_space_bytes(const struct ctk_packed *w) {
  intptr_t place[6];
  ctk_few_places(w, place);
  return place[5];
}

void ctk_multiply_few_avx2(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch);
void ctk_multiply_few_neon(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch);
void ctk_multiply_few_dotprod(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch);
