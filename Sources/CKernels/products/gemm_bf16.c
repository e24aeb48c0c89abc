// Matrix products with bfloat16 operands and float32 sums. A panel of B stays in the L1 cache while
// a block of C is accumulated in registers (compare gemm.c). A panel holds pairs of values along k,
// which one instruction multiplies and adds, and is decoded from the stored weights right before it
// is used.
//
//   inputs, packed:  block of 12 rows │ pair 0: 12 × 2 values │ pair 1 │ …
//   panel:           32 columns       │ pair 0: 32 × 2 values │ pair 1 │ …
//   block of C:      12 × 32, 24 accumulators of 32 registers
#include "gemm_bf16.h"

#include <stdlib.h>

#include "gemm_bf16_block.h"
#include "thread_space.h"
#include "transpose.h"

#if defined(__x86_64__)
enum {
  blocks_at_once = 10,  // of inputs per pass over the panels: 180 KB
  row_space = longest_depth + 64,
  panel_words = longest_depth / 2 * ctk_bf16_columns,
  row_words = 16 * row_space / 2,
};

// ---- Inputs ----

CTK_BF16 static void pack_bf16(
    const float *a, intptr_t lda, intptr_t rows, intptr_t k, uint32_t *out) {
  const intptr_t pairs = ctk_bf16_pairs(k);
  for (intptr_t top = 0; top < rows; top += height, out += pairs * height) {
    const intptr_t count = least(height, rows - top);
    for (intptr_t p = 0; p < pairs; p += 16) {
      v16 square[16] = {0};
      for (intptr_t i = 0; i < count; i++)
        square[i] = pairs_of(a + (top + i) * lda + 2 * p, k - 2 * p);
      CTK_TRANSPOSE16(square)
      for (int i = 0; i < 16; i++)
        _mm512_mask_storeu_ps(out + (p + i) * height, (1 << height) - 1, (__m512)square[i]);
    }
  }
}

// ---- Panels ----

/// Packs panels of a forward product: columns are rows of the weights, and k runs along them.
CTK_BF16 static void pack_forward(
    const struct ctk_product_bf16 *p, intptr_t first_k, intptr_t depth, uint32_t *panels,
    uint16_t *rows, uint8_t *scratch) {
  const intptr_t pairs = ctk_bf16_pairs(depth);
  for (intptr_t n = p->first_n; n < p->last_n; n += 16) {
    const intptr_t count = least(16, p->last_n - n);
    ctk_rows_bf16(p->weight, n, count, first_k, first_k + depth, rows, row_space, scratch);
    const intptr_t column = n - p->first_n;
    uint32_t *panel = panels + column / width * width * pairs + column % width;
    for (intptr_t q = 0; q < pairs; q += 16) {
      v16 square[16] = {0};
      for (intptr_t i = 0; i < count; i++)
        square[i] = (v16)_mm512_loadu_ps(rows + i * row_space + 2 * q);
      CTK_TRANSPOSE16(square)
      for (int i = 0; i < 16; i++) _mm512_storeu_ps(panel + (q + i) * width, (__m512)square[i]);
    }
  }
}

/// Packs panels of a transposed product: columns are those of the weights, and k runs over their
/// rows.
CTK_BF16 static void pack_transposed(
    const struct ctk_product_bf16 *p, intptr_t first_k, intptr_t depth, uint32_t *panels,
    uint16_t *rows, uint8_t *scratch) {
  const intptr_t pairs = ctk_bf16_pairs(depth);
  const __m512i lanes = _mm512_setr_epi32(
      0 | 32 << 16, 1 | 33 << 16, 2 | 34 << 16, 3 | 35 << 16, 4 | 36 << 16, 5 | 37 << 16,
      6 | 38 << 16, 7 | 39 << 16, 8 | 40 << 16, 9 | 41 << 16, 10 | 42 << 16, 11 | 43 << 16,
      12 | 44 << 16, 13 | 45 << 16, 14 | 46 << 16, 15 | 47 << 16);
  const __m512i upper = _mm512_add_epi16(lanes, _mm512_set1_epi16(16));
  const intptr_t whole = (p->last_n - p->first_n + width - 1) / width * width;
  for (intptr_t q = 0; q < pairs; q++) {
    if (q % 8 == 0) {
      // Decode the next sixteen rows, padded with zeros.
      const intptr_t left = depth - 2 * q, count = left < 0 ? 0 : least(16, left);
      ctk_rows_bf16(
          p->weight, first_k + 2 * q, count, p->first_n, p->last_n, rows, row_space, scratch);
      for (intptr_t i = count; i < 16; i++)
        memset(rows + i * row_space, 0, row_space * sizeof(uint16_t));
    }
    const uint16_t *top = rows + q % 8 * 2 * row_space;
    for (intptr_t column = 0; column < whole; column += width) {
      const __m512i a = _mm512_loadu_si512(top + column);
      const __m512i b = _mm512_loadu_si512(top + row_space + column);
      uint32_t *place = panels + column * pairs + q * width;
      _mm512_storeu_si512(place, _mm512_permutex2var_epi16(a, lanes, b));
      _mm512_storeu_si512(place + 16, _mm512_permutex2var_epi16(a, upper, b));
    }
  }
}

// ---- The product ----

CTK_BF16 static void multiply(const struct ctk_product_bf16 *p) {
  const size_t scratch_bytes = (size_t)(64 * ((p->weight->columns + 63) / 64 + 3));
  uint32_t *panels =
      ctk_thread_space((panel_words + row_words) * sizeof(uint32_t) + scratch_bytes);
  uint16_t *decoded = (uint16_t *)(void *)(panels + panel_words);
  uint8_t *scratch = (uint8_t *)(panels + panel_words + row_words);
  const intptr_t k = p->last_k - p->first_k, all = ctk_bf16_pairs(k);
  const intptr_t columns = p->last_n - p->first_n;
  const intptr_t in_blocks = (p->rows + height - 1) / height;
  // Pieces of about equal length, in whole runs of 64. The length depends on k only, so that the
  // order of summation does too.
  const intptr_t pieces = (k + longest_depth - 1) / longest_depth;
  const intptr_t step = ((k + pieces - 1) / pieces + 63) / 64 * 64;
  for (intptr_t first = 0; first < k; first += step) {
    const intptr_t depth = least(step, k - first), pairs = ctk_bf16_pairs(depth);
    if (p->transposed)
      pack_transposed(p, p->first_k + first, depth, panels, decoded, scratch);
    else
      pack_forward(p, p->first_k + first, depth, panels, decoded, scratch);
    const float beta = first == 0 ? p->beta : 1;
    for (intptr_t top = 0; top < in_blocks; top += blocks_at_once) {
      const intptr_t end = least(in_blocks, top + blocks_at_once);
      for (intptr_t j = 0; j < columns; j += width)
        for (intptr_t i = top; i < end; i++)
          block(
              pairs, p->a + (i * all + first / 2) * height, panels + j * pairs,
              p->c + i * height * p->c_row + j, p->c_row, least(height, p->rows - i * height),
              least(width, columns - j), beta);
    }
  }
}

void ctk_pack_bf16(const float *a, intptr_t lda, intptr_t rows, intptr_t k, uint32_t *out) {
  pack_bf16(a, lda, rows, k, out);
}

void ctk_multiply_bf16(const struct ctk_product_bf16 *p) { multiply(p); }
#else
void ctk_pack_bf16(const float *a, intptr_t lda, intptr_t rows, intptr_t k, uint32_t *out) {
  ctk_pack_bf16_ref(a, lda, rows, k, out);
}
void ctk_multiply_bf16(const struct ctk_product_bf16 *p) { ctk_multiply_bf16_ref(p); }
#endif

// ---- Plain twins ----

void ctk_pack_bf16_ref(const float *a, intptr_t lda, intptr_t rows, intptr_t k, uint32_t *out) {
  const intptr_t pairs = ctk_bf16_pairs(k), blocks = (rows + ctk_bf16_rows - 1) / ctk_bf16_rows;
  for (intptr_t b = 0; b < blocks; b++)
    for (intptr_t q = 0; q < pairs; q++)
      for (intptr_t i = 0; i < ctk_bf16_rows; i++) {
        const intptr_t row = b * ctk_bf16_rows + i;
        uint32_t word = 0;
        for (intptr_t half = 0; half < 2; half++)
          if (row < rows && 2 * q + half < k)
            word |= (uint32_t)ctk_float_to_bf16(a[row * lda + 2 * q + half]) << 16 * half;
        out[(b * pairs + q) * ctk_bf16_rows + i] = word;
      }
}

void ctk_multiply_bf16_ref(const struct ctk_product_bf16 *p) {
  const intptr_t k = p->last_k - p->first_k, pairs = ctk_bf16_pairs(k);
  const intptr_t columns = p->last_n - p->first_n;
  const intptr_t along = p->transposed ? columns : k, lines = p->transposed ? k : columns;
  const intptr_t stride = (along + 63) / 64 * 64;
  uint16_t *weights = malloc((size_t)(stride * lines) * sizeof(uint16_t) + 1);
  if (!weights) abort();
  for (intptr_t i = 0; i < lines; i++)
    ctk_row_bf16_ref(
        p->weight, (p->transposed ? p->first_k : p->first_n) + i,
        p->transposed ? p->first_n : p->first_k, p->transposed ? p->last_n : p->last_k,
        weights + i * stride, 0);
  for (intptr_t row = 0; row < p->rows; row++)
    for (intptr_t n = 0; n < columns; n++) {
      double sum = 0;
      for (intptr_t i = 0; i < k; i++) {
        const uint32_t word =
            p->a[(row / ctk_bf16_rows * pairs + i / 2) * ctk_bf16_rows + row % ctk_bf16_rows];
        const float x = ctk_bf16_to_float((uint16_t)(word >> 16 * (i % 2)));
        sum += (double)x *
               ctk_bf16_to_float(p->transposed ? weights[i * stride + n] : weights[n * stride + i]);
      }
      float *place = p->c + row * p->c_row + n;
      *place = (float)(sum + (p->beta == 0 ? 0 : (double)*place));
    }
  free(weights);
}
