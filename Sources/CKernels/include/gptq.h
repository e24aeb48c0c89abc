#pragma once
#include <stdint.h>

/// Rows of a weight matrix per tile, the unit of work of one call. Rows are independent, so a
/// layer's result doesn't depend on which thread solves which tile.
#define CTK_GPTQ_ROWS 64

/// The most columns of a block. A block's errors are fed to all later columns at once.
#define CTK_GPTQ_BLOCK 128

/// One weight matrix, shared by its tiles: the factor of its Hessian, its grid and its sparsity.
struct ctk_gptq_layer {
  /// The upper Cholesky factor U of H⁻¹ = UᵀU, [columns, columns] row-major, rows and columns in
  /// solving order. NULL: no error feedback, that is, round to nearest.
  const float *factor;
  /// The original column at each solving position, [columns].
  const int32_t *order;
  /// The solving position of each original column, [columns].
  const int32_t *position;
  /// The weight of each original column's error in the range search, [columns]. NULL: 1 each.
  const float *importance;
  int32_t columns;
  /// Columns per group, 1 … columns; groups = ceil(columns / group_width), the last may be shorter.
  int32_t group_width;
  /// Bits per code, 2 … 8.
  int32_t bits;
  /// 1: symmetric grids, with zero point 2^(bits − 1). 0: asymmetric grids.
  int32_t symmetric;
  /// 1: all grids are fitted to the original weights. 0: each is fitted to the weights at the time
  /// when its first column is solved; needs order[i] = i.
  int32_t static_groups;
  /// The number of ranges tried per grid. 0: the full range only. n: the best of the ranges
  /// (1 − i/100) · full, i < n ≤ 99.
  int32_t search_steps;
  /// The error measure of the range search. 1: |e|^2.4. 0: e².
  int32_t search_power_2_4;
  /// The exponent of stored scales, −64 … 64: stored scale = scale · 2^−scale_exponent, rounded
  /// to float16.
  int32_t scale_exponent;
  /// 0: kept weights aren't rounded; there are no grids and no codes.
  int32_t quantize;
  /// n:m sparsity: `kept` of each `of` columns in solving order, chosen from the weights at the
  /// time when the first of them is solved. of = 0: none. order[i] / of must be constant over i /
  /// of.
  int32_t kept, of;
  /// The strength of the first-order term (FOEM, arXiv 2507.11017), 0 … 1; needs a factor. It is
  /// the share of a column's drift from its original value that is subtracted when the column is
  /// solved, and again from the error that is fed forward.
  float first_order;
};

/// The errors of one tile.
struct ctk_gptq_sums {
  /// Per row Σ ((w − q) / U_ii)², or Σ (w − q)² without a factor.
  double errors[CTK_GPTQ_ROWS];
  /// The number of weights more than half a step outside their grid.
  int64_t clipped;
};

// GPTQ (arXiv 2210.17323, Algorithm 1) and SparseGPT (arXiv 2301.00774) in steps, so that masks can
// be chosen over all tiles between two blocks of columns: ctk_gptq_begin; ctk_gptq_fit if
// static_groups and quantize; ctk_gptq_block for each block; ctk_gptq_end.
//
// `dropped` is [columns, CTK_GPTQ_ROWS] by solving position, 1 = dropped; NULL drops nothing. With
// n:m sparsity the kernels fill it. Otherwise the caller fills it before a column's block (and, as
// a forecast, before ctk_gptq_fit).
//
// A twin (`_ref`) performs its kernel's operations one weight at a time, and its bits are the
// kernel's at every level. Functions without a twin are plain code.

/// The scratch space of a tile from ctk_gptq_begin to ctk_gptq_end, in floats.
int64_t ctk_gptq_scratch(const struct ctk_gptq_layer *layer);

/// The end of the block of columns that starts at solving position `start`.
int32_t ctk_gptq_block_end(const struct ctk_gptq_layer *layer, int32_t start);

/// Loads a tile of `rows` ≤ CTK_GPTQ_ROWS rows of weights, [rows, columns] float32.
void ctk_gptq_begin(
    const struct ctk_gptq_layer *layer, const float *weights, int32_t rows, float *scratch);

/// Fits the grids of all groups to the current weights.
void ctk_gptq_fit(const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped);
void ctk_gptq_fit_ref(const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped);

/// costs[(i − start)·CTK_GPTQ_ROWS + r] = w² / U_ii², the cost of dropping each of the current
/// weights; infinity for rows from `rows` on.
void ctk_gptq_costs(
    const struct ctk_gptq_layer *layer, const float *scratch, int32_t rows, int32_t start,
    int32_t end, float *costs);

/// Rounds and drops the columns start ..< end of a block (see ctk_gptq_block_end) one after
/// another, feeds their errors to all later columns, and adds them to `sums`.
void ctk_gptq_block(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped, int32_t start,
    int32_t end, struct ctk_gptq_sums *sums);
void ctk_gptq_block_ref(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped, int32_t start,
    int32_t end, struct ctk_gptq_sums *sums);

/// Writes a tile's results: codes and kept [rows, columns], scales [rows, groups] as float16 bits,
/// zeros [rows, groups], restored [rows, columns] float32 = (code − zero) · scale ·
/// 2^scale_exponent, exactly, and 0 where a weight is dropped. codes, scales, zeros may be NULL
/// unless `quantize`; kept may be NULL.
void ctk_gptq_end(
    const struct ctk_gptq_layer *layer, float *scratch, const uint8_t *dropped, int32_t rows,
    uint8_t *codes, uint16_t *scales, uint8_t *zeros, float *restored, uint8_t *kept);
