// Matrix products in float32, after Goto and van de Geijn, "Anatomy of high-performance matrix
// multiplication" (2008): B is packed into panels one or two vectors wide, and a block of C that
// fits the registers is accumulated over a panel's depth.
//
//          panel of B                 AVX-512: block of C 12 × 32, 24 accumulators of 32 registers
//          ┌──────┐ ↑                 AVX2:                6 × 16, 12 of 16
//          │      │ depth ≤ 384       NEON:                6 × 16, 24 of 32
//   A      │      │ ↓                 SSE:                 2 × 16,  8 of 16
//  ┌─────┐ ├──────┤ ↑
//  │ … → │ │  C   │ block rows        A's rows are read in place if their values are contiguous,
//  └─────┘ └──────┘ ↓                 and copied block by block otherwise.
#include "gemm.h"

#include <stdlib.h>

#include "gemm_panels.h"
#include "thread_space.h"

enum {
  most_columns = 192,   // of B that are packed at a time
  most_rows = 120,      // of A per pass over the packed columns: they stay in the L2 cache
  widest_block = 12,
  packed_b = longest_depth * most_columns,
  packed_a = longest_depth * most_rows,
  space_floats = packed_b + packed_a + row_floats,
};

// ---- The block of C in registers ----

/// c[rows][columns] = alpha·Σ_p a·b + beta·c, rows ≤ height. `height` and `vectors` are
/// compile-time constants.
CTK_INLINE void block(
    const int height, const int vectors, intptr_t depth, const float *a, intptr_t a_row,
    intptr_t a_column, const float *b, float *c, intptr_t c_row, intptr_t rows, intptr_t columns,
    float alpha, float beta) {
  // C isn't in the L1 cache by the time it is needed.
#pragma clang loop unroll(full)
  for (int i = 0; i < height; i++) __builtin_prefetch(c + i * c_row, 1);
  v16 sum[widest_block][2] = {0};
  for (intptr_t p = 0; p < depth; p++) {
    const v16 b0 = v16_load(b), b1 = vectors > 1 ? v16_load(b + 16) : b0;
    b += 16 * vectors;
#pragma clang loop unroll(full)
    for (int i = 0; i < height; i++) {
      const v16 x = v16_all(a[i * a_row]);
      sum[i][0] += x * b0;
      if (vectors > 1) sum[i][1] += x * b1;
    }
    a += a_column;
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < height; i++) {
    if (i >= rows) break;
    for (int v = 0; v < vectors; v++) {
      float *place = c + i * c_row + 16 * v;
      const intptr_t width = columns - 16 * v;
      v16 value = sum[i][v] * v16_all(alpha);
      if (width >= 16) {
        if (beta != 0) value += v16_load(place) * v16_all(beta);
        v16_store(place, value);
      } else if (width > 0) {
        if (beta != 0) value += v16_load_part(place, width, 0) * v16_all(beta);
        v16_store_part(place, value, width);
      }
    }
  }
}

/// A block of exactly h rows of A, which are read in place.
#define ROWS_CASE(h)                                                                            \
  case h:                                                                                       \
    if (h <= height)                                                                            \
      block(h, vectors, depth, a, a_row, 1, b, c, c_row, h, columns, alpha, beta);              \
    break;

CTK_INLINE void block_in_place(
    const int height, const int vectors, intptr_t depth, const float *a, intptr_t a_row,
    const float *b, float *c, intptr_t c_row, intptr_t rows, intptr_t columns, float alpha,
    float beta) {
  switch (rows) {
    ROWS_CASE(1)
    ROWS_CASE(2)
    ROWS_CASE(3)
    ROWS_CASE(4)
    ROWS_CASE(5)
    ROWS_CASE(6)
    ROWS_CASE(7)
    ROWS_CASE(8)
    ROWS_CASE(9)
    ROWS_CASE(10)
    ROWS_CASE(11)
    ROWS_CASE(12)
  }
}

// ---- The loops around it ----

CTK_INLINE intptr_t least(intptr_t a, intptr_t b) { return a < b ? a : b; }

CTK_INLINE void loops(const struct ctk_gemm *g, const int height, const int vectors) {
  float *panels = ctk_thread_space(space_floats * sizeof(float));
  float *block_of_a = panels + packed_b, *rows_of_weights = block_of_a + packed_a;
  const intptr_t width = 16 * vectors;
  // Panels of about equal depth, which depends on k only, so that the order of summation does too.
  const intptr_t pieces = (g->k + longest_depth - 1) / longest_depth;
  const intptr_t step = pieces > 0 ? (g->k + pieces - 1) / pieces : 1;
  int begun = 0;
  for (intptr_t p = 0; p < g->k; p += step) {
    const intptr_t depth = least(step, g->k - p);
    if (g->k_to && (p + depth <= g->k_from || p >= g->k_to)) continue;
    const float beta = begun ? 1 : g->beta;
    begun = 1;
    for (intptr_t left = 0; left < g->n; left += most_columns) {
      const intptr_t columns = least(most_columns, g->n - left);
      if (g->weight)
        pack_weights(g, p, left, depth, columns, width, rows_of_weights, panels);
      else
        pack_panels(
            g->b + p * g->b_row + left * g->b_column, g->b_row, g->b_column, depth, columns, width,
            panels);
      for (intptr_t top = 0; top < g->m; top += most_rows) {
        const intptr_t rows = least(most_rows, g->m - top);
        const float *a = g->a + top * g->a_row + p * g->a_column;
        if (g->a_column != 1)
          for (intptr_t i = 0; i < rows; i += height)
            pack_rows(
                a + i * g->a_row, g->a_row, g->a_column, depth, least(height, rows - i), height,
                block_of_a + i * depth);
        for (intptr_t j = 0; j < columns; j += width)
          for (intptr_t i = 0; i < rows; i += height) {
            float *c = g->c + (top + i) * g->c_row + left + j;
            const float *panel = panels + j * depth;
            const intptr_t high = least(height, rows - i), wide = least(width, columns - j);
            if (g->a_column == 1)
              block_in_place(
                  height, vectors, depth, a + i * g->a_row, g->a_row, panel, c, g->c_row, high,
                  wide, g->alpha, beta);
            else
              block(
                  height, vectors, depth, block_of_a + i * depth, 1, height, panel, c, g->c_row,
                  high, wide, g->alpha, beta);
          }
      }
    }
  }
}

static void scale_only(const struct ctk_gemm *g) {
  for (intptr_t i = 0; i < g->m; i++)
    for (intptr_t j = 0; j < g->n; j++) {
      float *place = g->c + i * g->c_row + j;
      *place = g->beta == 0 ? 0 : *place * g->beta;
    }
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))) static void
gemm_avx512(const struct ctk_gemm *g) {
  loops(g, 12, 2);
}
__attribute__((target("avx2,fma,f16c"))) static void gemm_avx2(const struct ctk_gemm *g) {
  loops(g, 6, 1);
}
static void gemm_plain(const struct ctk_gemm *g) { loops(g, 2, 1); }
#else
static void gemm_plain(const struct ctk_gemm *g) { loops(g, 6, 1); }
#endif

void ctk_multiply(const struct ctk_gemm *g) {
  if (g->k <= 0) {
    scale_only(g);
    return;
  }
#if defined(__x86_64__)
  const int level = ctk_level();
  if (level == ctk_level_avx512) {
    gemm_avx512(g);
    return;
  }
  if (level == ctk_level_avx2) {
    gemm_avx2(g);
    return;
  }
#endif
  gemm_plain(g);
}

/// B[p, j]; `weights` are the stored weights, all decoded.
static float value_of_b(const struct ctk_gemm *g, const float *weights, intptr_t p, intptr_t j) {
  if (!g->weight) return g->b[p * g->b_row + j * g->b_column];
  const intptr_t row = g->transposed ? p : g->weight_first + j;
  const intptr_t column = g->transposed ? g->weight_first + j : p;
  return weights[row * g->weight->columns + column];
}

void ctk_multiply_ref(const struct ctk_gemm *g) {
  float *weights = 0;
  if (g->weight) {
    weights = malloc((size_t)(g->weight->rows * g->weight->columns) * sizeof(float) + 1);
    if (!weights) abort();
    ctk_rows_floats_ref(g->weight, weights);
  }
  for (intptr_t i = 0; i < g->m; i++)
    for (intptr_t j = 0; j < g->n; j++) {
      double sum = 0;
      for (intptr_t p = 0; p < g->k; p++)
        sum += (double)g->a[i * g->a_row + p * g->a_column] * value_of_b(g, weights, p, j);
      float *place = g->c + i * g->c_row + j;
      *place = (float)(g->alpha * sum + (g->beta == 0 ? 0 : (double)g->beta * *place));
    }
  free(weights);
}
