#pragma once
#include <stdint.h>

#include "unpack_planar.h"

enum ctk_weight_kind {
  ctk_weight_f32 = 0,
  ctk_weight_f16 = 1,
  ctk_weight_bf16 = 2,
  ctk_weight_packed = 3,
};

/// A weight matrix as it is stored: values row after row, or codes.
struct ctk_weight {
  int kind;
  intptr_t rows, columns;
  const uint8_t *values;            // little-endian, any alignment; null where packed
  const struct ctk_packed *packed;  // null where not packed
};

/// Columns first..<last of `count` rows from `row` on in float32, `stride` from one to the next. Sixteen
/// at a time take no longer than one of them where rows are interleaved.
void ctk_rows_floats(
    const struct ctk_weight *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
    float *out, intptr_t stride);

/// All of them, by the plain twins.
void ctk_rows_floats_ref(const struct ctk_weight *w, float *out);

/// Columns first..<last of `count` rows from `row` on, rounded to bfloat16 (nearest, ties to even), `stride`
/// from one to the next. `first` is a multiple of 64. `out` receives whole runs of 64, filled up with
/// zeros. `scratch` holds 64·(ceil(columns / 64) + 3) bytes.
/// Needs ctk_has_bf16_products().
void ctk_rows_bf16(
    const struct ctk_weight *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
    uint16_t *out, intptr_t stride, uint8_t *scratch);

/// The same without special instructions, a weight at a time.
void ctk_row_bf16_ref(
    const struct ctk_weight *w, intptr_t row, intptr_t first, intptr_t last, uint16_t *out,
    uint8_t *scratch);
