#pragma once
#include <stdint.h>

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
};

void ctk_multiply(const struct ctk_gemm *g);
void ctk_multiply_ref(const struct ctk_gemm *g);
