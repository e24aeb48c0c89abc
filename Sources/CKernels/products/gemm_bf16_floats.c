// Products of two float32 matrices that are rounded to bfloat16, as in attention. Both operands are
// small, so each is packed whole first, from rows or from columns.
#include <stdlib.h>

#include "gemm_bf16_block.h"
#include "thread_space.h"
#include "transpose.h"

#if defined(__x86_64__)

/// Rounds values 0..<rest (at most 16) of two rows to bfloat16 and pairs them, the first row's in
/// the lower halves.
CTK_BF16 static inline __m512i pairs_across(
    const float *first, const float *second, intptr_t rest) {
  const __mmask16 some = rest >= 16 ? (__mmask16)0xffff : (__mmask16)(((uint32_t)1 << rest) - 1);
  const __m512 low = _mm512_maskz_loadu_ps(some, first);
  const __m512 high = second ? _mm512_maskz_loadu_ps(some, second) : _mm512_setzero_ps();
  const __m512i a = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(low));
  const __m512i b = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(high));
  return _mm512_or_si512(a, _mm512_slli_epi32(b, 16));
}

/// Packs `count` lines of `depth` contiguous values, `distance` floats apart, into `wide` columns
/// (12 or 16) of pairs, `stride` words from pair to pair.
CTK_BF16 static void pack_along(
    const float *lines, intptr_t distance, intptr_t count, intptr_t depth, intptr_t wide,
    uint32_t *out, intptr_t stride) {
  const intptr_t pairs = ctk_bf16_pairs(depth);
  const __mmask16 some = (__mmask16)(((uint32_t)1 << wide) - 1);
  for (intptr_t q = 0; q < pairs; q += 16) {
    v16 square[16] = {0};
    for (intptr_t i = 0; i < count; i++)
      square[i] = pairs_of(lines + i * distance + 2 * q, depth - 2 * q);
    CTK_TRANSPOSE16(square)
    for (int i = 0; i < 16; i++)
      _mm512_mask_storeu_ps(out + (q + i) * stride, some, (__m512)square[i]);
  }
}

/// Packs `count` lines of `depth` values, where neighbouring lines are contiguous and successive
/// values of a line are `distance` floats apart, into `wide` columns (12 or 16) of pairs, `stride`
/// words from pair to pair.
CTK_BF16 static void pack_across(
    const float *first, intptr_t distance, intptr_t count, intptr_t depth, intptr_t wide,
    uint32_t *out, intptr_t stride) {
  const intptr_t pairs = ctk_bf16_pairs(depth);
  const __mmask16 some = (__mmask16)(((uint32_t)1 << wide) - 1);
  for (intptr_t q = 0; q < pairs; q++) {
    const float *line = first + 2 * q * distance;
    __m512i both = _mm512_setzero_si512();
    if (2 * q < depth)
      both = pairs_across(line, 2 * q + 1 < depth ? line + distance : 0, count);
    _mm512_mask_storeu_epi32(out + q * stride, some, both);
  }
}

/// Packs columns first..<first + depth of A in blocks of 12 rows.
CTK_BF16 static void pack_a(
    const struct ctk_gemm *g, intptr_t first, intptr_t depth, uint32_t *out) {
  const intptr_t pairs = ctk_bf16_pairs(depth);
  for (intptr_t top = 0; top < g->m; top += height, out += pairs * height) {
    const float *a = g->a + top * g->a_row + first * g->a_column;
    const intptr_t count = least(height, g->m - top);
    if (g->a_column == 1)
      pack_along(a, g->a_row, count, depth, height, out, height);
    else
      pack_across(a, g->a_column, count, depth, height, out, height);
  }
}

/// Packs rows first..<first + depth of B in panels of 32 columns.
CTK_BF16 static void pack_b(
    const struct ctk_gemm *g, intptr_t first, intptr_t depth, uint32_t *out) {
  const intptr_t pairs = ctk_bf16_pairs(depth);
  for (intptr_t n = 0; n < g->n; n += 16) {
    const float *b = g->b + n * g->b_column + first * g->b_row;
    uint32_t *place = out + n / width * width * pairs + n % width;
    const intptr_t count = least(16, g->n - n);
    if (g->b_row == 1)
      pack_along(b, g->b_column, count, depth, 16, place, width);
    else
      pack_across(b, g->b_row, count, depth, 16, place, width);
  }
}

CTK_BF16 static void multiply_floats(const struct ctk_gemm *g) {
  const intptr_t blocks = (g->m + height - 1) / height, panels = (g->n + width - 1) / width;
  // Pieces of about equal length, which depends on k only, so that the order of summation does too.
  const intptr_t pieces = (g->k + longest_depth - 1) / longest_depth;
  const intptr_t step = ((g->k + pieces - 1) / pieces + 31) / 32 * 32;
  const intptr_t most = ctk_bf16_pairs(least(step, g->k));
  uint32_t *a = ctk_thread_space(
      (size_t)(most * (blocks * height + panels * width)) * sizeof(uint32_t));
  uint32_t *b = a + most * blocks * height;
  for (intptr_t first = 0; first < g->k; first += step) {
    const intptr_t depth = least(step, g->k - first), pairs = ctk_bf16_pairs(depth);
    pack_a(g, first, depth, a);
    pack_b(g, first, depth, b);
    const float beta = first == 0 ? g->beta : 1;
    for (intptr_t j = 0; j < g->n; j += width)
      for (intptr_t i = 0; i < g->m; i += height)
        block(
            pairs, a + i * pairs, b + j * pairs, g->c + i * g->c_row + j, g->c_row,
            least(height, g->m - i), least(width, g->n - j), beta);
  }
}

void ctk_multiply_floats_bf16(const struct ctk_gemm *g) {
  if (g->k > 0 && g->m > 0 && g->n > 0) multiply_floats(g);
}
#else
void ctk_multiply_floats_bf16(const struct ctk_gemm *g) { ctk_multiply_floats_bf16_ref(g); }
#endif

void ctk_multiply_floats_bf16_ref(const struct ctk_gemm *g) {
  for (intptr_t i = 0; i < g->m; i++)
    for (intptr_t j = 0; j < g->n; j++) {
      double sum = 0;
      for (intptr_t p = 0; p < g->k; p++) {
        const float a = g->a[i * g->a_row + p * g->a_column];
        const float b = g->b[p * g->b_row + j * g->b_column];
        sum += (double)ctk_bf16_to_float(ctk_float_to_bf16(a)) *
               ctk_bf16_to_float(ctk_float_to_bf16(b));
      }
      float *place = g->c + i * g->c_row + j;
      *place = (float)(sum + (g->beta == 0 ? 0 : (double)*place));
    }
}
