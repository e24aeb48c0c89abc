#pragma once
#include <stdint.h>

#include "weight_rows.h"

/// C = alpha·A·B + beta·C on the calling thread, A [m, k], B [k, n], C [m, n]. Element (i, p) of A
/// is a[i·a_row + p·a_column], element (p, j) of B is b[p·b_row + j·b_column], and C's rows are
/// `c_row` apart. If beta is 0, C isn't read.
///
/// The order of summation over p is independent of m and n, so cutting C into tiles doesn't change
/// its bits.
struct ctk_gemm {
  intptr_t m, n, k;
  const float *a;
  intptr_t a_row, a_column;
  const float *b;
  intptr_t b_row, b_column;
  float *c;
  intptr_t c_row;
  float alpha, beta;
  // Stored weights W that replace b and are decoded a panel at a time: B is W from its column
  // weight_first on if `transposed`, otherwise Wᵀ from W's row weight_first on. p runs from 0 along
  // W's rows or columns.
  const struct ctk_weight *weight;  // null: b
  int transposed;
  intptr_t weight_first;
  // If k_to isn't 0, B's rows outside of k_from..<k_to are 0. Panels of such rows may be skipped,
  // which doesn't change the bits of C.
  intptr_t k_from, k_to;
};

void ctk_multiply(const struct ctk_gemm *g);
void ctk_multiply_ref(const struct ctk_gemm *g);
