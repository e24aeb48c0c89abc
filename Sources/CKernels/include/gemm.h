#pragma once
#include <stdint.h>

#include "weight_rows.h"

/// C = alpha·A·B + beta·C on the calling thread. Element (i, p) of A stands at
/// a[i·a_row + p·a_column], and so on; C's rows are `c_row` apart. Where beta is 0, C isn't read.
///
/// Every element is summed over p in the same order whatever m and n are, so that cutting C into
/// tiles doesn't change it.
struct ctk_gemm {
  intptr_t m, n, k;
  const float *a;
  intptr_t a_row, a_column;
  const float *b;
  intptr_t b_row, b_column;
  float *c;
  intptr_t c_row;
  float alpha, beta;
  // B out of stored weights W instead, decoded a panel at a time on its way into the product:
  // columns weight_first… of W where `transposed`, of Wᵀ otherwise; p runs from 0 along W's rows or
  // columns.
  const struct ctk_weight *weight;  // null: b
  int transposed;
  intptr_t weight_first;
  // Where k_to isn't 0: B's rows outside of k_from..<k_to are 0. Panels of nothing else are left out, with the
  // same bits as if they weren't; a kernel may look at them all the same.
  intptr_t k_from, k_to;
};

void ctk_multiply(const struct ctk_gemm *g);
void ctk_multiply_ref(const struct ctk_gemm *g);
