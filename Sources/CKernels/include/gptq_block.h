#pragma once
#include <stdint.h>

/// Output rows that one call solves together. Rows never influence each other, so a layer's result
/// doesn't depend on which thread solves which tile.
#define CTK_GPTQ_ROWS 64

/// Columns after which the pending errors are carried into all later columns at once.
#define CTK_GPTQ_BLOCK 128

/// What all tiles of one weight matrix share.
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
  /// 1...columns; groups = ceil(columns / group_width), the last one may be short.
  int32_t group_width;
  /// 2...8.
  int32_t bits;
  int32_t symmetric;
  /// 1: all grids come from the original weights. 0: each from the weights as they are when its
  /// first column's turn comes; needs order[i] = i.
  int32_t static_groups;
  /// 0: the full range. n: the best of the ranges (1 - i/100) · full, i < n <= 99.
  int32_t search_steps;
  /// 1: errors count as |e|^2.4 in that search; 0: as e².
  int32_t search_power_2_4;
  /// Stored scale = scale · 2^-scale_exponent, rounded to f16. -100...100.
  int32_t scale_exponent;
};

struct ctk_gptq_sums {
  /// Σ ((w - q) / U_ii)², or Σ (w - q)² without a factor.
  double error;
  /// Weights that lay more than half a step outside their grid.
  int64_t clipped;
};

/// Floats of scratch space that `ctk_gptq_tile` needs.
int64_t ctk_gptq_scratch(int32_t columns, int32_t group_width);

/// Quantizes `rows` <= CTK_GPTQ_ROWS rows (GPTQ, arXiv 2210.17323, Algorithm 1).
/// weights, restored: [rows, columns] f32; codes: [rows, columns]; scales: [rows, groups] f16 bits;
/// zeros: [rows, groups]. restored = (code - zero) · scale · 2^scale_exponent, exactly.
void ctk_gptq_tile(const struct ctk_gptq_layer *layer, const float *weights, int32_t rows,
                   float *scratch, uint8_t *codes, uint16_t *scales, uint8_t *zeros,
                   float *restored, struct ctk_gptq_sums *sums);

/// The plain baseline build of the same code, for tests on machines with wider vectors.
void ctk_gptq_tile_baseline(const struct ctk_gptq_layer *layer, const float *weights, int32_t rows,
                            float *scratch, uint8_t *codes, uint16_t *scales, uint8_t *zeros,
                            float *restored, struct ctk_gptq_sums *sums);
