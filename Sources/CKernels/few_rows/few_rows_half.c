// Products of a few rows of inputs with weights stored in half precision.
#include "bf16.h"
#include "dispatch.h"
#include "few_rows.h"
#include "half.h"
#include "vectors.h"

// How far ahead of their use, in bytes, weights are asked for, into the second-level cache: a page ends
// the processor's own look-ahead, and rows are short (49,152 × 576 from memory: 2.0 ms instead of 2.4).
enum { weights_ahead = 8192 };

void ctk_multiply_few_half_ref(
    const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,
    intptr_t rows, float *y, intptr_t ldy) {
  for (intptr_t r = first; r < last; r++)
    for (intptr_t j = 0; j < rows; j++) {
      double sum = 0;
      for (intptr_t c = 0; c < w->columns; c++) {
        uint16_t half;
        memcpy(&half, w->values + 2 * (r * w->columns + c), 2);
        const float v =
            w->kind == ctk_weight_f16 ? ctk_half_to_float(half) : ctk_bf16_to_float(half);
        sum += (double)v * x[j * ldx + c];
      }
      y[j * ldy + r] = (float)sum;
    }
}

/// Rows first..<last by `row_loop`, with the number of inputs and the kind of the weights as constants.
#define CTK_HALF_ROWS(attributes, name, row_loop)                                            \
  attributes void name(                                                                      \
      const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx, \
      intptr_t rows, float *y, intptr_t ldy) {                                               \
    const int is_f16 = w->kind == ctk_weight_f16;                                            \
    for (intptr_t r = first; r < last; r++) {                                                \
      const uint8_t *row = w->values + 2 * r * w->columns;                                   \
      float result[ctk_few_rows];                                                            \
      switch (2 * rows + is_f16) {                                                           \
        case 2: row_loop(row, w->columns, x, ldx, 1, 0, result); break;                      \
        case 3: row_loop(row, w->columns, x, ldx, 1, 1, result); break;                      \
        case 4: row_loop(row, w->columns, x, ldx, 2, 0, result); break;                      \
        case 5: row_loop(row, w->columns, x, ldx, 2, 1, result); break;                      \
        case 6: row_loop(row, w->columns, x, ldx, 3, 0, result); break;                      \
        case 7: row_loop(row, w->columns, x, ldx, 3, 1, result); break;                      \
        case 8: row_loop(row, w->columns, x, ldx, 4, 0, result); break;                      \
        default: row_loop(row, w->columns, x, ldx, 4, 1, result); break;                     \
      }                                                                                      \
      for (intptr_t j = 0; j < rows; j++) y[j * ldy + r] = result[j];                        \
    }                                                                                        \
  }

#if defined(__x86_64__)

CTK_BF16 static inline __m512 sixteen_halves(const uint8_t *p, __mmask16 some, const int f16) {
  const __m256i halves = _mm256_maskz_loadu_epi16(some, p);
  return f16 ? _mm512_cvtph_ps(halves)
             : _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

CTK_BF16 static inline __attribute__((always_inline)) void half_row(
    const uint8_t *w, intptr_t columns, const float *x, intptr_t ldx, const int count,
    const int f16, float *result) {
  __m512 sum[ctk_few_rows][2];
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j][0] = sum[j][1] = _mm512_setzero_ps();
  intptr_t c = 0;
  for (; c + 32 <= columns; c += 32) {
    __builtin_prefetch(w + 2 * c + weights_ahead, 0, 2);
    const __m512 a = sixteen_halves(w + 2 * c, 0xffff, f16);
    const __m512 b = sixteen_halves(w + 2 * c + 32, 0xffff, f16);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) {
      sum[j][0] = _mm512_fmadd_ps(a, _mm512_loadu_ps(x + j * ldx + c), sum[j][0]);
      sum[j][1] = _mm512_fmadd_ps(b, _mm512_loadu_ps(x + j * ldx + c + 16), sum[j][1]);
    }
  }
  for (; c < columns; c += 16) {
    const intptr_t rest = columns - c;
    const __mmask16 some = rest >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << rest) - 1);
    const __m512 a = sixteen_halves(w + 2 * c, some, f16);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++)
      sum[j][0] = _mm512_fmadd_ps(a, _mm512_maskz_loadu_ps(some, x + j * ldx + c), sum[j][0]);
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++)
    result[j] = _mm512_reduce_add_ps(_mm512_add_ps(sum[j][0], sum[j][1]));
}

CTK_HALF_ROWS(CTK_BF16 static, multiply_few_half, half_row)

#endif

// ---- Sixteen lanes, of AVX2 or NEON ----

#if defined(__x86_64__) || defined(__aarch64__)
#if defined(__x86_64__)
#define CTK_HALF_LANES static __attribute__((target("avx2,fma,f16c")))
#else
#define CTK_HALF_LANES static
#endif

typedef uint16_t h16 __attribute__((vector_size(32)));
typedef _Float16 f16 __attribute__((vector_size(32)));

CTK_HALF_LANES inline __attribute__((always_inline)) v16 widened(h16 half, const int is_f16) {
  return is_f16 ? __builtin_convertvector((f16)half, v16)
                : (v16)(__builtin_convertvector(half, m16) << 16);
}

/// One row of weights; `count`, `is_f16` are constants.
CTK_HALF_LANES inline __attribute__((always_inline)) void lanes_row(
    const uint8_t *w, intptr_t columns, const float *x, intptr_t ldx, const int count,
    const int is_f16, float *result) {
  v16 sum[ctk_few_rows] = {0};
  intptr_t c = 0;
  for (; c + 16 <= columns; c += 16) {
    __builtin_prefetch(w + 2 * c + weights_ahead, 0, 2);
    h16 half;
    memcpy(&half, w + 2 * c, sizeof half);
    const v16 a = widened(half, is_f16);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) sum[j] += a * v16_load(x + j * ldx + c);
  }
  if (c < columns) {
    h16 half = {0};
    memcpy(&half, w + 2 * c, (size_t)(columns - c) * 2);
    const v16 a = widened(half, is_f16);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) sum[j] += a * v16_load_part(x + j * ldx + c, columns - c, 0);
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) result[j] = v16_sum(sum[j]);
}

CTK_HALF_ROWS(CTK_HALF_LANES, lanes_rows, lanes_row)
#endif

void ctk_multiply_few_half(
    const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,
    intptr_t rows, float *y, intptr_t ldy) {
#if defined(__x86_64__)
  if (ctk_few_kernels() == ctk_few_avx512) {
    multiply_few_half(w, first, last, x, ldx, rows, y, ldy);
    return;
  }
#endif
#if defined(__x86_64__) || defined(__aarch64__)
  if (ctk_has_few_products()) {
    lanes_rows(w, first, last, x, ldx, rows, y, ldy);
    return;
  }
#endif
  ctk_multiply_few_half_ref(w, first, last, x, ldx, rows, y, ldy);
}
