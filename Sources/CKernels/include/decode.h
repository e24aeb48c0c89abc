#pragma once
#include <stdint.h>

#include "weight_rows.h"

// Matrix products for decoding: one or a few tokens' activations (rows of x) with a weight matrix.
// They are memory-bound, so weights are read once per pass and multiplied as they are stored.
// Sources/CKernels/decode.

enum {
  /// Rows of x that one pass over the weights multiplies: their sums stay in registers.
  ctk_decode_pass_rows = 4,
  /// Rows of x up to which callers take passes (two at most); more go through the tiled products of
  /// gemm.h and gemm_bf16.h, which decode each weight once for all rows.
  ctk_decode_max_rows = 2 * ctk_decode_pass_rows,
};

/// Runs (blocks of 64 columns) in a row, a short last one included.
static inline intptr_t ctk_runs(intptr_t columns) { return (columns + 63) / 64; }

/// Up to ctk_decode_pass_rows rows of activations as 16-bit integers, each stored as two bytes,
/// with a scale per run of 64 columns: x = scale·(256·high + low). Rows are padded to whole runs
/// with zeros.
struct ctk_decode_inputs {
  intptr_t rows, columns;
  const int8_t *values;     // [rows, runs, 2, 64]: a run's high bytes, then its low ones
  const float *scales;      // [rows, runs]
  const float *group_sums;  // [rows, groups]: Σ x over each quantization group, x as rounded
};

/// Whether ctk_decode_multiply takes weights of this group size: 4, 8, 16, 32 or a multiple of 64.
static inline int ctk_decode_takes_group(intptr_t group_size) {
  return group_size % 64 == 0 || (group_size >= 4 && 64 % group_size == 0);
}

/// Rounds x [rows, columns] (rows `ldx` floats apart) into the arrays of `ctk_decode_inputs`.
/// The rounding error of a value is at most 2⁻¹⁶ of the largest magnitude in its run. A NaN or an
/// infinity makes the run's scale NaN.
void ctk_decode_round(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *values, float *scales, float *group_sums);
void ctk_decode_round_ref(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *values, float *scales, float *group_sums);

/// y[j·ldy + r] = Σ_c w[r, c]·x[j, c] for rows first..<last of packed weights, in integers within a
/// quantization group. `scratch` holds ctk_decode_scratch(w) bytes, at any alignment. Needs
/// ctk_decode_takes_group(w->group_size); runs the plain twin unless ctk_has_decode_kernels().
void ctk_decode_multiply(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_decode_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch);
void ctk_decode_multiply_ref(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_decode_inputs *x,
    float *y, intptr_t ldy);

/// Bytes of scratch memory of ctk_decode_multiply on the calling thread, at its present level.
intptr_t ctk_decode_scratch(const struct ctk_packed *w);

/// y[j·ldy + r] = Σ_c w[r, c]·x[j, c] for rows first..<last of float16 or bfloat16 weights and up
/// to ctk_decode_pass_rows rows of x in float32, summed in float32.
void ctk_decode_multiply_half(
    const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,
    intptr_t rows, float *y, intptr_t ldy);
void ctk_decode_multiply_half_ref(
    const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,
    intptr_t rows, float *y, intptr_t ldy);

/// One of several matrix products that share a parallel loop over all their weight rows.
struct ctk_decode_job {
  const struct ctk_weight *weight;
  const struct ctk_decode_inputs *rounded;  // for packed weights; null for half-precision ones
  const float *x;                           // for half-precision weights
  intptr_t ldx, rows;                       // of x
  float *y;
  intptr_t ldy;
};

/// Runs weight rows first..<last, numbered through all jobs, on the calling thread.
void ctk_decode_run(
    const struct ctk_decode_job *jobs, intptr_t count, intptr_t first, intptr_t last);
