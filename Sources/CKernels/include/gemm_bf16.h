#pragma once
#include <stdint.h>

#include "gemm.h"
#include "weight_rows.h"

enum {
  ctk_bf16_rows = 12,     // rows of the inputs that are packed side by side
  ctk_bf16_columns = 128  // the widest run of a product's columns that one call computes
};

/// Pairs along k that packed inputs have for `k` values: whole runs of 32 values.
static inline intptr_t ctk_bf16_pairs(intptr_t k) { return (k + 31) / 32 * 16; }

/// Rounds `rows` rows of k floats to bfloat16 and packs them for ctk_multiply_bf16: blocks of 12
/// rows, in each for every pair of values along k the pairs of the 12 rows. Missing rows and values
/// are zeros. `out` holds ceil(rows / 12)·12·pairs(k) words.
void ctk_pack_bf16(const float *a, intptr_t lda, intptr_t rows, intptr_t k, uint32_t *out);
void ctk_pack_bf16_ref(const float *a, intptr_t lda, intptr_t rows, intptr_t k, uint32_t *out);

/// C[rows, n] = A·B + beta·C in bfloat16 with sums in float32, where B is a part of a stored weight
/// matrix W that is decoded piece by piece, on the calling thread:
///   forward:    B = Wᵀ, n along W's rows first_n..<last_n, k along all of its columns
///   transposed: B = W,  n along W's columns (first_n a multiple of 64), k along rows first_k..<last_k
struct ctk_product_bf16 {
  const struct ctk_weight *weight;
  int transposed;
  intptr_t first_n, last_n;  // at most ctk_bf16_columns
  intptr_t first_k, last_k;  // forward: 0..<columns
  const uint32_t *a;         // packed, from the first of the rows' blocks on
  intptr_t rows;
  float *c;  // C's first row, at column first_n
  intptr_t c_row;
  float beta;  // 0 or 1
};

/// Needs ctk_has_bf16_products().
void ctk_multiply_bf16(const struct ctk_product_bf16 *p);
/// The same with sums in double.
void ctk_multiply_bf16_ref(const struct ctk_product_bf16 *p);

/// C = A·B + beta·C of float32 matrices that are rounded to bfloat16 first, with sums in float32, on the
/// calling thread; alpha is 1, beta 0 or 1, k positive. Of a_row and a_column one is 1, of b_row and
/// b_column too. Needs ctk_has_bf16_products().
void ctk_multiply_floats_bf16(const struct ctk_gemm *g);
/// The same with sums in double.
void ctk_multiply_floats_bf16_ref(const struct ctk_gemm *g);
