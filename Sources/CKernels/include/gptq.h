#pragma once
#include <stdint.h>

/// Rows of a weight matrix that make up a tile, which one call works on. Rows never influence each
/// other, so a layer's result doesn't depend on which thread solves which tile.
#define CTK_GPTQ_ROWS 64

/// The most columns of a block, after which its errors are carried into all later columns at once.
#define CTK_GPTQ_BLOCK 128

/// One weight matrix, shared by its tiles: the factor of its Hessian, its grid and its sparsity.
struct ctk_gptq_layer {
  /// [columns, columns] row-major upper factor U with H⁻¹ = UᵀU, rows and columns in solving order.
  /// NULL: no error feedback, that is, round to nearest.
  const float *factor;
  /// [columns] the original column at each solving position, and the inverse of that.
  const int32_t *order;
  const int32_t *position;
  /// [columns] by original column: how much a column's error counts in the range search. NULL: 1
  /// each.
  const float *importance;
  int32_t columns;
  /// 1 … columns; groups = ceil(columns / group_width), the last one may be short.
  int32_t group_width;
  /// 2 … 8.
  int32_t bits;
  int32_t symmetric;
  /// 1: all grids come from the original weights. 0: each from the weights as they are when its
  /// first column's turn comes; needs order[i] = i.
  int32_t static_groups;
  /// 0: the full range. n: the best of the ranges (1 − i/100) · full, i < n ≤ 99.
  int32_t search_steps;
  /// 1: errors count as |e|^2.4 in that search; 0: as e².
  int32_t search_power_2_4;
  /// Stored scale = scale · 2^−scale_exponent, rounded to float16. −64 … 64.
  int32_t scale_exponent;
  /// 0: weights that are kept keep their values; there are no grids and no codes.
  int32_t quantize;
  /// n:m sparsity: of each `of` columns, counted by solving position, `kept` are kept, chosen from
  /// the weights as they are when the first one's turn comes. of = 0: none. order[i] / of must be
  /// constant over i / of.
  int32_t kept, of;
  /// 0 … 1, with a factor only: the share of a column's distance from its original value that is
  /// taken back when its turn comes, and again in the error that is fed forward (FOEM, arXiv
  /// 2507.11017: a first-order term whose gradient is that distance).
  float first_order;
};

/// The errors of one tile.
struct ctk_gptq_sums {
  /// Per row Σ ((w − q) / U_ii)², or Σ (w − q)² without a factor.
  double errors[CTK_GPTQ_ROWS];
  /// Weights that lay more than half a step outside their grid.
  int64_t clipped;
};

// GPTQ (arXiv 2210.17323, Algorithm 1) and SparseGPT (arXiv 2301.00774) in steps, so that masks can be
// chosen over all tiles between two blocks of columns: begin; fit, where static_groups and quantize;
// block after block; end.
//
// `dropped` is [columns, CTK_GPTQ_ROWS] by solving position, 1 = dropped; NULL drops nothing. With n:m
// sparsity it is filled here, otherwise by the caller, before a column's block (and, as a forecast,
// before ctk_gptq_fit).
//
// A twin (`_ref`) goes through the same operations one weight at a time and agrees with its kernel to
// the bit at every level. The functions without one are plain code.

/// Floats of scratch space that a tile needs from ctk_gptq_begin to ctk_gptq_end.
int64_t ctk_gptq_scratch(const struct ctk_gptq_layer *layer);

/// The end of the block of columns that starts at `start`.
int32_t ctk_gptq_block_end(const struct ctk_gptq_layer *layer, int32_t start);

/// Loads a tile of `rows` ≤ CTK_GPTQ_ROWS rows of weights, [rows, columns] float32.
void ctk_gptq_begin(
    const struct ctk_gptq_layer *layer, const float *weights, int32_t rows, float *scratch);

/// Fits the grids of all groups to the weights as they are now.
void ctk_gptq_fit(const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped);
void ctk_gptq_fit_ref(const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped);

/// costs[(i − start)·CTK_GPTQ_ROWS + r] = w² / U_ii² for the weights as they are now; infinite for the
/// rows that the tile doesn't have.
void ctk_gptq_costs(
    const struct ctk_gptq_layer *layer, const float *scratch, int32_t rows, int32_t start,
    int32_t end, float *costs);

/// Rounds and drops the columns start ..< end, as ctk_gptq_block_end gives them, one after another, and
/// feeds their errors to all later columns. Adds to `sums`.
void ctk_gptq_block(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped, int32_t start,
    int32_t end, struct ctk_gptq_sums *sums);
void ctk_gptq_block_ref(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped, int32_t start,
    int32_t end, struct ctk_gptq_sums *sums);

/// Writes a tile's results: codes and kept [rows, columns], scales [rows, groups] as float16 bits, zeros
/// [rows, groups], restored [rows, columns] float32 = (code − zero) · scale · 2^scale_exponent, exactly,
/// and 0 where a weight is dropped. codes, scales, zeros may be NULL unless `quantize`; kept may be NULL.
void ctk_gptq_end(
    const struct ctk_gptq_layer *layer, float *scratch, const uint8_t *dropped, int32_t rows,
    uint8_t *codes, uint16_t *scales, uint8_t *zeros, float *restored, uint8_t *kept);
