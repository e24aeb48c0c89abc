#pragma once
#include <stdint.h>

#include "unpack_planar.h"

enum ctk_weight_kind {
  ctk_weight_f32 = 0,
  ctk_weight_f16 = 1,
  ctk_weight_bf16 = 2,
  ctk_weight_packed = 3,
};

/// A stored weight matrix [rows, columns]: values row after row, or packed codes.
struct ctk_weight {
  int kind;                         // enum ctk_weight_kind
  intptr_t rows, columns;
  const uint8_t *values;            // little-endian, any alignment; null if packed
  const struct ctk_packed *packed;  // null unless packed
};

/// Decodes columns first..<last of `count` rows from `row` on to float32 rows `stride` apart. If
/// rows are interleaved, the sixteen rows of a tile take no longer than one of them.
void ctk_rows_floats(
    const struct ctk_weight *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
    float *out, intptr_t stride);

/// Decodes all weights to float32 [rows, columns] by the plain twins.
void ctk_rows_floats_ref(const struct ctk_weight *w, float *out);

/// Decodes columns first..<last of `count` rows from `row` on to bfloat16 (nearest, ties to even),
/// to rows `stride` apart. `first` is a multiple of 64, and rows are padded to whole runs of 64
/// with zeros. `scratch` holds 64·(ceil(columns / 64) + 3) bytes. Needs ctk_has_bf16_products().
void ctk_rows_bf16(
    const struct ctk_weight *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
    uint16_t *out, intptr_t stride, uint8_t *scratch);

/// The plain twin of ctk_rows_bf16 for one row, a weight at a time.
void ctk_row_bf16_ref(
    const struct ctk_weight *w, intptr_t row, intptr_t first, intptr_t last, uint16_t *out,
    uint8_t *scratch);
