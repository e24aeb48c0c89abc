#pragma once
#include <stdint.h>

#include "weight_rows.h"

enum { ctk_few_rows = 4 };  // inputs that go through the weights together

/// Runs of 64 columns, a short last one included.
static inline intptr_t ctk_runs(intptr_t columns) { return (columns + 63) / 64; }

/// One to four rows of inputs as 16-bit integers in two bytes, with a scale for each run of 64:
/// x = scale·(256·high + low). Rows are padded to whole runs with zeros.
struct ctk_few_inputs {
  intptr_t rows, columns;
  const int8_t *values;       // [rows, ceil(columns / 64), 2, 64]: high bytes, then low ones
  const float *scales;        // [rows, ceil(columns / 64)]
  const float *group_sums;    // [rows, groups]: Σ x over each of the weights' groups, as rounded
};

/// Whether ctk_multiply_few takes weights in groups of this width: multiples of 64, and 4, 8, 16, 32.
static inline int ctk_few_group(intptr_t group_size) {
  return group_size % 64 == 0 || (group_size >= 4 && 64 % group_size == 0);
}

/// Fills the arrays of `ctk_few_inputs` from `rows` rows of x. The rounding error of a value is at
/// most 2⁻¹⁶ of the largest in its run of 64. A NaN or an infinity makes the run's scale NaN.
void ctk_round_few(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *values, float *scales, float *group_sums);
void ctk_round_few_ref(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *values, float *scales, float *group_sums);

/// y[j·ldy + r] = Σ w[r, c]·x[j, c] for rows first..<last of packed weights, codes multiplied as they
/// are. `scratch` holds ctk_few_scratch(w) bytes. Needs ctk_few_group(), and is fast where
/// ctk_has_few_products().
void ctk_multiply_few(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch);
void ctk_multiply_few_ref(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch);
intptr_t ctk_few_scratch(const struct ctk_packed *w);

/// The same for rows of float16 or bfloat16 weights and inputs in float32, sums in float32.
void ctk_multiply_few_half(
    const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,
    intptr_t rows, float *y, intptr_t ldy);
void ctk_multiply_few_half_ref(
    const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,
    intptr_t rows, float *y, intptr_t ldy);

/// One of the products of a parallel loop.
struct ctk_few_job {
  const struct ctk_weight *weight;
  const struct ctk_few_inputs *rounded;  // for packed weights; null for half ones
  const float *x;                        // for half weights
  intptr_t ldx, rows;                    // rows of inputs
  float *y;
  intptr_t ldy;
};

/// Runs rows first..<last of the weights, counted over all jobs, on the calling thread.
void ctk_run_few(const struct ctk_few_job *jobs, intptr_t count, intptr_t first, intptr_t last);
