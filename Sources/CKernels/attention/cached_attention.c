// Attention of one token over a cache of keys and values. It is memory-bound: every byte of the
// cache is read once, and half-precision and 8-bit numbers are widened in registers.
#include "cached_attention.h"

#include <math.h>
#include <string.h>

#include "bf16.h"
#include "dispatch.h"
#include "half.h"
#include "transpose.h"

/// Whether a number is neither infinite nor NaN.
static inline uint32_t is_finite(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  return (bits & 0x7f800000) != 0x7f800000;
}

/// Rounds to the nearest float16, ties to even; values past the largest finite one become infinite.
static uint16_t float_to_half(float f) {
  uint32_t bits;
  memcpy(&bits, &f, 4);
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return sign | 0x7e00;
  if (bits >= 0x477ff000) return sign | 0x7c00;
  if (bits < 0x38800000) {
    // Subnormal: adding ½ leaves the rounded multiple of 2⁻²⁴ in the low bits.
    float tiny;
    memcpy(&tiny, &bits, 4);
    tiny += 0.5f;
    memcpy(&bits, &tiny, 4);
    return sign | (uint16_t)(bits - 0x3f000000);
  }
  return sign | (uint16_t)((bits + 0xfff + (bits >> 13 & 1) - 0x38000000) >> 13);
}

intptr_t ctk_store_cached(
    int format, const float *in, intptr_t dim, void *row, float *scale) {
  // Exponent bits that are all set mark an infinity or NaN; the loops only collect them.
  uint32_t wrong = 0;
  for (intptr_t i = 0; i < dim; i++) wrong |= !is_finite(in[i]);
  if (format == ctk_cache_f32) {
    memcpy(row, in, (size_t)dim * sizeof(float));
  } else if (format == ctk_cache_f16) {
    uint16_t *out = row;
    for (intptr_t i = 0; i < dim; i++) {
      out[i] = float_to_half(in[i]);
      wrong |= (out[i] & 0x7c00) == 0x7c00;
    }
  } else if (wrong) {
    // No integer stands for NaN, so the whole row becomes NaN through its scale.
    memset(row, 0, (size_t)dim);
    *scale = NAN;
  } else {
    float top = 0;
    for (intptr_t i = 0; i < dim; i++) top = fabsf(in[i]) > top ? fabsf(in[i]) : top;
    // 127 / top would overflow for a smaller one; such a row becomes 0.
    const float inverse = top > 0x1p-120f ? 127 / top : 0;
    int8_t *out = row;
    for (intptr_t i = 0; i < dim; i++) out[i] = (int8_t)rintf(in[i] * inverse);
    *scale = top / 127;
  }
  if (!wrong) return dim;
  for (intptr_t i = 0; i < dim; i++)
    if (!is_finite(in[i]) || (format == ctk_cache_f16 && (((uint16_t *)row)[i] & 0x7c00) == 0x7c00))
      return i;
  return dim;
}

static float cached_value(const struct ctk_cached_rows *c, intptr_t t, intptr_t i) {
  const intptr_t place = t * c->stride + i;
  if (c->format == ctk_cache_f32) return ((const float *)c->rows)[place];
  if (c->format == ctk_cache_f16) return ctk_half_to_float(((const uint16_t *)c->rows)[place]);
  return (float)((const int8_t *)c->rows)[place] * c->scales[t * c->scale_stride];
}

void ctk_cached_scores_ref(
    const struct ctk_cached_rows *keys, intptr_t count, const float *q, intptr_t heads,
    intptr_t dim, float *scores, intptr_t score_stride) {
  for (intptr_t h = 0; h < heads; h++)
    for (intptr_t t = 0; t < count; t++) {
      double sum = 0;
      for (intptr_t i = 0; i < dim; i++) sum += (double)q[h * dim + i] * cached_value(keys, t, i);
      scores[h * score_stride + t] = (float)sum;
    }
}

void ctk_cached_sum_ref(
    const struct ctk_cached_rows *values, intptr_t count, const float *shares,
    intptr_t share_stride, intptr_t heads, intptr_t dim, float *out) {
  for (intptr_t h = 0; h < heads; h++)
    for (intptr_t i = 0; i < dim; i++) {
      double sum = 0;
      for (intptr_t t = 0; t < count; t++)
        sum += (double)shares[h * share_stride + t] * cached_value(values, t, i);
      out[h * dim + i] = (float)sum;
    }
}

#if defined(__x86_64__)

/// Loads sixteen numbers of a row from `place` on as floats; the caller applies the scales of i8.
CTK_BF16 static inline __m512 sixteen(
    const struct ctk_cached_rows *c, intptr_t place, __mmask16 some, const int format) {
  if (format == ctk_cache_f32) return _mm512_maskz_loadu_ps(some, (const float *)c->rows + place);
  if (format == ctk_cache_f16)
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(some, (const uint16_t *)c->rows + place));
  return _mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(some, (const int8_t *)c->rows + place)));
}

/// The mask of the first `rest` lanes, all sixteen if there are more.
CTK_BF16 static inline __mmask16 part(intptr_t rest) {
  return rest >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << rest) - 1);
}

enum { keys_at_once = 16, widest_head = 256 };

/// Sums the lanes of each of 16 vectors r[i] into lane i of r[0], by exchanging and adding halves.
#define CTK_SUM16(r)                                                                           \
  {                                                                                            \
    for (int i = 0; i < 8; i++) {                                                              \
      CTK_EXCHANGE(8, r[i], r[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)  \
      r[i] += r[i + 8];                                                                        \
    }                                                                                          \
    for (int i = 0; i < 4; i++) {                                                              \
      CTK_EXCHANGE(4, r[i], r[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) \
      r[i] += r[i + 4];                                                                        \
    }                                                                                          \
    for (int i = 0; i < 2; i++) {                                                              \
      CTK_EXCHANGE(2, r[i], r[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) \
      r[i] += r[i + 2];                                                                        \
    }                                                                                          \
    CTK_EXCHANGE(1, r[0], r[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)      \
    r[0] += r[1];                                                                              \
  }

/// Computes scores for sixteen keys at a time, widened once for all heads. Places past the last key
/// repeat it.
CTK_BF16 static inline __attribute__((always_inline)) void scores_of(
    const struct ctk_cached_rows *keys, intptr_t count, const float *q, intptr_t heads,
    intptr_t dim, float *scores, intptr_t score_stride, const int format) {
  float wide[keys_at_once * widest_head];
  const intptr_t padded = (dim + 15) / 16 * 16;
  for (intptr_t first = 0; first < count; first += keys_at_once) {
    const intptr_t some = count - first < keys_at_once ? count - first : keys_at_once;
    __m512 scale = _mm512_set1_ps(1);
    if (format == ctk_cache_i8) {
      float each[keys_at_once] = {0};
      for (intptr_t k = 0; k < some; k++) each[k] = keys->scales[(first + k) * keys->scale_stride];
      scale = _mm512_loadu_ps(each);
    }
    for (intptr_t k = 0; k < keys_at_once; k++) {
      const intptr_t place = (first + (k < some ? k : some - 1)) * keys->stride;
      for (intptr_t i = 0; i < dim; i += 16)
        _mm512_storeu_ps(wide + k * padded + i, sixteen(keys, place + i, part(dim - i), format));
    }
    for (intptr_t h = 0; h < heads; h++) {
      v16 sum[keys_at_once];
#pragma clang loop unroll(full)
      for (int k = 0; k < keys_at_once; k++) sum[k] = (v16)_mm512_setzero_ps();
      for (intptr_t i = 0; i < dim; i += 16) {
        const v16 x = (v16)_mm512_maskz_loadu_ps(part(dim - i), q + h * dim + i);
#pragma clang loop unroll(full)
        for (int k = 0; k < keys_at_once; k++)
          sum[k] += x * (v16)_mm512_loadu_ps(wide + k * padded + i);
      }
      CTK_SUM16(sum)
      _mm512_mask_storeu_ps(
          scores + h * score_stride + first, part(some), _mm512_mul_ps((__m512)sum[0], scale));
    }
  }
}

/// Computes weighted sums of values for four heads and sixteen columns at a time.
CTK_BF16 static inline __attribute__((always_inline)) void sum_of(
    const struct ctk_cached_rows *values, intptr_t count, const float *shares,
    intptr_t share_stride, intptr_t heads, intptr_t dim, float *out, const int format) {
  for (intptr_t first = 0; first < heads; first += 4) {
    const intptr_t some_heads = heads - first < 4 ? heads - first : 4;
    for (intptr_t i = 0; i < dim; i += 16) {
      const __mmask16 some = part(dim - i);
      __m512 sum[4];
      for (int h = 0; h < 4; h++) sum[h] = _mm512_setzero_ps();
      for (intptr_t t = 0; t < count; t++) {
        const __m512 v = sixteen(values, t * values->stride + i, some, format);
        const float scale = format == ctk_cache_i8 ? values->scales[t * values->scale_stride] : 1;
        const float *share = shares + first * share_stride + t;
        // Places past the last head repeat it.
        for (int h = 0; h < 4; h++) {
          const float p = share[(h < some_heads ? h : some_heads - 1) * share_stride];
          sum[h] = _mm512_fmadd_ps(
              v, _mm512_set1_ps(format == ctk_cache_i8 ? p * scale : p), sum[h]);
        }
      }
      for (int h = 0; h < some_heads; h++)
        _mm512_mask_storeu_ps(out + (first + h) * dim + i, some, sum[h]);
    }
  }
}

#define CTK_EACH_FORMAT(format, call)                                                    \
  switch (format) {                                                                      \
    case ctk_cache_f32: call(ctk_cache_f32); break;                                      \
    case ctk_cache_f16: call(ctk_cache_f16); break;                                      \
    default: call(ctk_cache_i8); break;                                                  \
  }

CTK_BF16 static void scores(
    const struct ctk_cached_rows *keys, intptr_t count, const float *q, intptr_t heads,
    intptr_t dim, float *out, intptr_t stride) {
#define CTK_SCORES(format) scores_of(keys, count, q, heads, dim, out, stride, format)
  CTK_EACH_FORMAT(keys->format, CTK_SCORES)
}

CTK_BF16 static void sum(
    const struct ctk_cached_rows *values, intptr_t count, const float *shares, intptr_t stride,
    intptr_t heads, intptr_t dim, float *out) {
#define CTK_SUM(format) sum_of(values, count, shares, stride, heads, dim, out, format)
  CTK_EACH_FORMAT(values->format, CTK_SUM)
}
#endif

void ctk_cached_scores(
    const struct ctk_cached_rows *keys, intptr_t count, const float *q, intptr_t heads,
    intptr_t dim, float *out, intptr_t score_stride) {
#if defined(__x86_64__)
  if (ctk_has_bf16_products() && dim <= widest_head) {
    scores(keys, count, q, heads, dim, out, score_stride);
    return;
  }
#endif
  ctk_cached_scores_ref(keys, count, q, heads, dim, out, score_stride);
}

void ctk_cached_sum(
    const struct ctk_cached_rows *values, intptr_t count, const float *shares,
    intptr_t share_stride, intptr_t heads, intptr_t dim, float *out) {
#if defined(__x86_64__)
  if (ctk_has_bf16_products()) {
    sum(values, count, shares, share_stride, heads, dim, out);
    return;
  }
#endif
  ctk_cached_sum_ref(values, count, shares, share_stride, heads, dim, out);
}
