// The decode product with weights in float16 or bfloat16. It is memory-bound, so weights are
// widened in registers.
#include <string.h>

#include "decode.h"
#include "dispatch.h"
#include "targets.h"
#include "vectors.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Prefetch distance in bytes, into the L2 cache. The hardware prefetcher stops at the end of each
// page, and rows are short (49,152 × 576 from memory: 2.0 ms instead of 2.4).
enum { prefetch_distance = 8192 };

/// Defines `name` for rows first..<last by `row_loop`, specialised for the rows of x and the kind
/// of weights.
#define CTK_HALF_ROWS(attributes, name, row_loop)                                            \
  attributes void name(                                                                      \
      const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,\
      intptr_t rows, float *y, intptr_t ldy) {                                               \
    const int is_f16 = w->kind == ctk_weight_f16;                                            \
    for (intptr_t r = first; r < last; r++) {                                                \
      const uint8_t *row = w->values + 2 * r * w->columns;                                   \
      float result[ctk_decode_pass_rows];                                                    \
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

CTK_AVX512_VNNI static inline __m512 avx512_widen(const uint8_t *p, __mmask16 some, const int f16) {
  const __m256i halves = _mm256_maskz_loadu_epi16(some, p);
  return f16 ? _mm512_cvtph_ps(halves)
             : _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}

CTK_AVX512_VNNI_INLINE void avx512_half_row(
    const uint8_t *w, intptr_t columns, const float *x, intptr_t ldx, const int count,
    const int f16, float *result) {
  __m512 sum[ctk_decode_pass_rows][2];
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j][0] = sum[j][1] = _mm512_setzero_ps();
  intptr_t c = 0;
  for (; c + 32 <= columns; c += 32) {
    __builtin_prefetch(w + 2 * c + prefetch_distance, 0, 2);
    const __m512 a = avx512_widen(w + 2 * c, 0xffff, f16);
    const __m512 b = avx512_widen(w + 2 * c + 32, 0xffff, f16);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) {
      sum[j][0] = _mm512_fmadd_ps(a, _mm512_loadu_ps(x + j * ldx + c), sum[j][0]);
      sum[j][1] = _mm512_fmadd_ps(b, _mm512_loadu_ps(x + j * ldx + c + 16), sum[j][1]);
    }
  }
  for (; c < columns; c += 16) {
    const intptr_t rest = columns - c;
    const __mmask16 some = rest >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << rest) - 1);
    const __m512 a = avx512_widen(w + 2 * c, some, f16);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++)
      sum[j][0] = _mm512_fmadd_ps(a, _mm512_maskz_loadu_ps(some, x + j * ldx + c), sum[j][0]);
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++)
    result[j] = _mm512_reduce_add_ps(_mm512_add_ps(sum[j][0], sum[j][1]));
}

CTK_HALF_ROWS(CTK_AVX512_VNNI static, avx512_half_rows, avx512_half_row)

#endif

// ---- Generic: sixteen lanes, of AVX2 or NEON ----

#if defined(__x86_64__) || defined(__aarch64__)
#if defined(__x86_64__)
#define GENERIC_HALF static __attribute__((target("avx2,fma,f16c")))
#else
#define GENERIC_HALF static
#endif

typedef uint16_t h16 __attribute__((vector_size(32)));
typedef _Float16 f16 __attribute__((vector_size(32)));

GENERIC_HALF inline __attribute__((always_inline)) v16 generic_widen(h16 half, const int is_f16) {
  return is_f16 ? __builtin_convertvector((f16)half, v16)
                : (v16)(__builtin_convertvector(half, m16) << 16);
}

/// Multiplies one row of weights with `count` rows of x; `count` and `is_f16` are constants.
GENERIC_HALF inline __attribute__((always_inline)) void generic_half_row(
    const uint8_t *w, intptr_t columns, const float *x, intptr_t ldx, const int count,
    const int is_f16, float *result) {
  v16 sum[ctk_decode_pass_rows] = {0};
  intptr_t c = 0;
  for (; c + 16 <= columns; c += 16) {
    __builtin_prefetch(w + 2 * c + prefetch_distance, 0, 2);
    h16 half;
    memcpy(&half, w + 2 * c, sizeof half);
    const v16 a = generic_widen(half, is_f16);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) sum[j] += a * v16_load(x + j * ldx + c);
  }
  if (c < columns) {
    h16 half = {0};
    memcpy(&half, w + 2 * c, (size_t)(columns - c) * 2);
    const v16 a = generic_widen(half, is_f16);
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) sum[j] += a * v16_load_part(x + j * ldx + c, columns - c, 0);
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) result[j] = v16_sum(sum[j]);
}

CTK_HALF_ROWS(GENERIC_HALF, generic_half_rows, generic_half_row)
#endif

void ctk_decode_multiply_half(
    const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,
    intptr_t rows, float *y, intptr_t ldy) {
#if defined(__x86_64__)
  if (ctk_decode_isa() == ctk_decode_avx512) {
    avx512_half_rows(w, first, last, x, ldx, rows, y, ldy);
    return;
  }
#endif
#if defined(__x86_64__) || defined(__aarch64__)
  if (ctk_has_decode_kernels()) {
    generic_half_rows(w, first, last, x, ldx, rows, y, ldy);
    return;
  }
#endif
  ctk_decode_multiply_half_ref(w, first, last, x, ldx, rows, y, ldy);
}
