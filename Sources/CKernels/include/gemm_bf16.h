#pragma once
#include <stdint.h>

#include "gemm.h"
#include "weight_rows.h"

enum {
  ctk_bf16_rows = 12,     // input rows per packed block
  ctk_bf16_columns = 128  // the most columns of a product that one call computes
};

/// Pairs of values per row of packed inputs with `k` values: k is padded to whole runs of 32.
static inline intptr_t ctk_bf16_pairs(intptr_t k) { return (k + 31) / 32 * 16; }

/// Rounds `rows` rows of k floats to bfloat16 and packs them for ctk_multiply_bf16 in blocks of 12
/// rows, [pairs along k, 12 rows, 2 values]. Rows and values are padded with zeros. `out` holds
/// ceil(rows / 12)·12·pairs(k) words.
void ctk_pack_bf16(const float *a, intptr_t lda, intptr_t rows, intptr_t k, uint32_t *out);
void ctk_pack_bf16_ref(const float *a, intptr_t lda, intptr_t rows, intptr_t k, uint32_t *out);

/// C[rows, n] = A·B + beta·C with bfloat16 operands and float32 sums, on the calling thread. B is a
/// part of a stored weight matrix W that is decoded piece by piece:
///   forward:    B = Wᵀ, n along W's rows first_n..<last_n, k along all of its columns
///   transposed: B = W,  n along W's columns (first_n a multiple of 64), k along rows first_k..<last_k
struct ctk_product_bf16 {
  const struct ctk_weight *weight;
  int transposed;
  intptr_t first_n, last_n;  // at most ctk_bf16_columns
  intptr_t first_k, last_k;  // forward: 0..<columns
  const uint32_t *a;         // packed, from the block of the first row on
  intptr_t rows;
  float *c;  // C's first row, at column first_n
  intptr_t c_row;
  float beta;  // 0 or 1
};

/// Computes a product with stored weights. Needs ctk_has_bf16_products().
void ctk_multiply_bf16(const struct ctk_product_bf16 *p);
/// The plain twin of ctk_multiply_bf16, with sums in double precision.
void ctk_multiply_bf16_ref(const struct ctk_product_bf16 *p);

/// C = A·B + beta·C for float32 matrices that are rounded to bfloat16 first, with float32 sums, on
/// the calling thread. alpha is 1, beta 0 or 1, k positive, a_row or a_column is 1, and b_row or
/// b_column is 1. Needs ctk_has_bf16_products().
void ctk_multiply_floats_bf16(const struct ctk_gemm *g);
/// The plain twin of ctk_multiply_floats_bf16, with sums in double precision.
void ctk_multiply_floats_bf16_ref(const struct ctk_gemm *g);
