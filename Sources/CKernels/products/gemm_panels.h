// Packing of the operands of gemm.c in the order in which they are read: panels of B, copied or
// decoded from stored weights, and blocks of A's rows.
#pragma once
#include "gemm.h"
#include "transpose.h"
#include "vectors.h"

enum {
  longest_depth = 384,  // of a panel: 384 × 32 floats are 48 KB, the size of an L1 cache
  // Floats per decoded row: not a power of two, which would map rows to the same cache sets, and
  // with room for a whole vector past the end.
  row_space = longest_depth + 16,
  row_floats = 16 * row_space,
};

/// Packs 16 columns of a panel of `width` columns.
CTK_INLINE void pack_sixteen(
    const float *b, intptr_t b_row, intptr_t b_column, intptr_t depth, const intptr_t width,
    float *panel) {
  intptr_t p = 0;
  for (; b_row == 1 && p + 16 <= depth; p += 16) {
    v16 square[16];
    for (int i = 0; i < 16; i++) square[i] = v16_load(b + i * b_column + p);
    CTK_TRANSPOSE16(square)
    for (int i = 0; i < 16; i++) v16_store(panel + (p + i) * width, square[i]);
  }
  for (; p < depth; p++)
    for (intptr_t i = 0; i < 16; i++) panel[p * width + i] = b[p * b_row + i * b_column];
}

/// Packs `depth` rows of B into panels of `width` columns, each panel row after row. The last panel
/// is padded with zeros.
CTK_INLINE void pack_panels(
    const float *b, intptr_t b_row, intptr_t b_column, intptr_t depth, intptr_t columns,
    const intptr_t width, float *out) {
  const intptr_t whole = columns / width * width;
  if (b_column == 1) {
    for (intptr_t p = 0; p < depth; p++)
      for (intptr_t j = 0; j < whole; j += width)
        for (intptr_t i = 0; i < width; i += 16)
          v16_store(out + j * depth + p * width + i, v16_load(b + p * b_row + j + i));
  } else {
    for (intptr_t j = 0; j < whole; j += 16)
      pack_sixteen(
          b + j * b_column, b_row, b_column, depth, width,
          out + j / width * width * depth + j % width);
  }
  if (whole == columns) return;
  for (intptr_t p = 0; p < depth; p++)
    for (intptr_t i = 0; i < width; i++)
      out[whole * depth + p * width + i] =
          whole + i < columns ? b[p * b_row + (whole + i) * b_column] : 0;
}

/// Packs `depth` rows from p on and `columns` columns from `left` on of stored weights B into
/// panels of `width` columns, padded with zeros. `rows` is scratch memory of row_floats floats.
CTK_INLINE void pack_weights(
    const struct ctk_gemm *g, intptr_t p, intptr_t left, intptr_t depth, intptr_t columns,
    const intptr_t width, float *rows, float *out) {
  const intptr_t whole = (columns + width - 1) / width * width, first = g->weight_first + left;
  if (g->transposed) {
    for (intptr_t top = 0; top < depth; top += 16) {
      const intptr_t count = depth - top < 16 ? depth - top : 16;
      ctk_rows_floats(g->weight, p + top, count, first, first + columns, rows, row_space);
      for (intptr_t i = 0; i < count; i++) {
        float *row = rows + i * row_space;
        for (intptr_t j = columns; j < whole; j++) row[j] = 0;
        for (intptr_t j = 0; j < whole; j += 16)
          v16_store(
              out + j / width * width * depth + (top + i) * width + j % width, v16_load(row + j));
      }
    }
    return;
  }
  for (intptr_t j = 0; j < whole; j += 16) {
    float *panel = out + j / width * width * depth + j % width;
    const intptr_t count = columns - j < 16 ? columns - j : 16;
    ctk_rows_floats(g->weight, first + j, count, p, p + depth, rows, row_space);
    for (intptr_t i = count; i < 16; i++)
      memset(rows + i * row_space, 0, (size_t)depth * sizeof(float));
    pack_sixteen(rows, 1, row_space, depth, width, panel);
  }
}

/// Packs `rows` ≤ height rows of A as `height` values for each p, padded with zeros.
CTK_INLINE void pack_rows(
    const float *a, intptr_t a_row, intptr_t a_column, intptr_t depth, intptr_t rows,
    const intptr_t height, float *out) {
  if (a_row == 1 && rows == height) {
    for (intptr_t p = 0; p < depth; p++)
      memcpy(out + p * height, a + p * a_column, (size_t)height * sizeof(float));
    return;
  }
  for (intptr_t p = 0; p < depth; p++)
    for (intptr_t i = 0; i < height; i++)
      out[p * height + i] = i < rows ? a[i * a_row + p * a_column] : 0;
}
