// Products with one to four rows of inputs, where the time is what it takes to read the weights:
// codes go into the integer product as they are stored, four neighbours to a sum, so that a block
// of 64 weights costs about ten instructions.
//
//   Σ (code − zero)·scale·x  =  Σ over groups of scale·(Σ code·x − zero·Σ x)
//
// Inputs have 16 bits, in two bytes, because eight would be the largest error of the whole model.
#include "few_rows.h"

#include <math.h>
#include <stdlib.h>

#include "planar_codes.h"
#include "vectors.h"

static inline intptr_t runs_of(intptr_t columns) { return (columns + 63) / 64; }

intptr_t ctk_few_scratch(const struct ctk_packed *w) {
  // Survivors' codes; scales, zeros and their bytes per group; scales per input row and run (or
  // group, where that is finer), each with room for a vector beyond the end.
  const intptr_t runs = runs_of(w->columns), groups = ctk_groups(w);
  const intptr_t finer = runs > groups ? runs : groups;
  return 64 * (runs + 3) + 64 * (groups + 128) + 4 * ctk_few_rows * (finer + 64);
}

// ---- Inputs ----

void ctk_round_few_ref(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *high, int8_t *low, float *scales, float *group_sums) {
  const intptr_t runs = runs_of(columns), groups = (columns + group_size - 1) / group_size;
  for (intptr_t j = 0; j < rows; j++) {
    for (intptr_t g = 0; g < groups; g++) group_sums[j * groups + g] = 0;
    for (intptr_t run = 0; run < runs; run++) {
      const intptr_t n = columns - 64 * run < 64 ? columns - 64 * run : 64;
      const float *in = x + j * ldx + 64 * run;
      float top = 0;
      for (intptr_t i = 0; i < n; i++) top = fabsf(in[i]) > top ? fabsf(in[i]) : top;
      // 127·256 + 127 is the largest number of both bytes.
      const float inverse = top > 0 ? 32639.0f / top : 0, scale = top / 32639.0f;
      scales[j * runs + run] = scale;
      for (intptr_t i = 0; i < 64; i++) {
        const int32_t q = i < n ? (int32_t)rintf(in[i] * inverse) : 0;
        const int8_t bottom = (int8_t)(q & 255);
        const intptr_t place = (j * runs + run) * 64 + i;
        low[place] = bottom;
        high[place] = (int8_t)((q - bottom) / 256);
        if (i < n) group_sums[j * groups + (64 * run + i) / group_size] += (float)q * scale;
      }
    }
  }
}

// ---- Plain twins ----

static float weight_of(const struct ctk_packed *w, intptr_t row, intptr_t column, int64_t *index) {
  if (ctk_is_sparse(w) && !(ctk_mask_word(w, row, column / 64) >> (column % 64) & 1)) return 0;
  const intptr_t group = row * ctk_groups(w) + column / w->group_size;
  const uint8_t code = ctk_single_code(w->codes, w->bits, (*index)++);
  return ((float)code - ctk_zero(w, group)) * ctk_scale(w, group);
}

void ctk_multiply_few_ref(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  (void)scratch;
  const intptr_t runs = runs_of(w->columns);
  for (intptr_t r = first; r < last; r++)
    for (intptr_t j = 0; j < x->rows; j++) {
      int64_t index = ctk_row_start(w, r);
      double sum = 0;
      for (intptr_t c = 0; c < w->columns; c++) {
        const intptr_t place = j * runs * 64 + c;
        const int32_t q = 256 * x->high[place] + x->low[place];
        sum += (double)weight_of(w, r, c, &index) * q * x->scales[j * runs + c / 64];
      }
      y[j * ldy + r] = (float)sum;
    }
}

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

#if defined(__x86_64__)

CTK_BF16 static void round_run(
    const float *in, intptr_t n, int8_t *high, int8_t *low, float *scale, float *rounded) {
  __m512 v[4];
  __m512 top = _mm512_setzero_ps();
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const intptr_t rest = n - 16 * i;
    const __mmask16 some =
        rest >= 16 ? (__mmask16)0xffff : rest > 0 ? (__mmask16)((1u << rest) - 1) : 0;
    v[i] = _mm512_maskz_loadu_ps(some, in + 16 * i);
    top = _mm512_max_ps(top, _mm512_abs_ps(v[i]));
  }
  const float highest = _mm512_reduce_max_ps(top);
  const float inverse = highest > 0 ? 32639.0f / highest : 0;
  *scale = highest / 32639.0f;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(v[i], _mm512_set1_ps(inverse)));
    const __m512i bottom = _mm512_srai_epi32(_mm512_slli_epi32(q, 24), 24);
    const __m512i top_byte = _mm512_srai_epi32(_mm512_sub_epi32(q, bottom), 8);
    _mm_storeu_si128((__m128i *)(low + 16 * i), _mm512_cvtepi32_epi8(bottom));
    _mm_storeu_si128((__m128i *)(high + 16 * i), _mm512_cvtepi32_epi8(top_byte));
    _mm512_storeu_ps(
        rounded + 16 * i, _mm512_mul_ps(_mm512_cvtepi32_ps(q), _mm512_set1_ps(*scale)));
  }
}

CTK_BF16 static void round_few(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *high, int8_t *low, float *scales, float *group_sums) {
  const intptr_t runs = runs_of(columns), groups = (columns + group_size - 1) / group_size;
  for (intptr_t j = 0; j < rows; j++) {
    for (intptr_t g = 0; g < groups; g++) group_sums[j * groups + g] = 0;
    for (intptr_t run = 0; run < runs; run++) {
      const intptr_t n = columns - 64 * run < 64 ? columns - 64 * run : 64;
      const intptr_t place = (j * runs + run) * 64;
      float rounded[64];
      round_run(
          x + j * ldx + 64 * run, n, high + place, low + place, scales + j * runs + run, rounded);
      float *sums = group_sums + j * groups;
      if (group_size % 64 == 0) {
        __m512 sum = _mm512_setzero_ps();
        for (int i = 0; i < 64; i += 16) sum = _mm512_add_ps(sum, _mm512_loadu_ps(rounded + i));
        sums[64 * run / group_size] += _mm512_reduce_add_ps(sum);
      } else {
        for (intptr_t i = 0; i < n; i++) sums[(64 * run + i) / group_size] += rounded[i];
      }
    }
  }
}

// ---- A row of weights ----

/// What belongs to one row of weights: per group its scale, its zero, and the zero as a byte.
struct row_scales {
  float *scale, *zero;
  uint8_t *zero_bytes;
};

CTK_BF16 static inline void read_scales(
    const struct ctk_packed *w, intptr_t row, struct row_scales s) {
  const intptr_t groups = ctk_groups(w), start = row * groups;
  const __m512 factor = _mm512_set1_ps(ctk_power_of_two(w->scale_exponent));
  if (w->zeros) {
    const intptr_t size = 8 * w->bits, block = start / 64, before = start - 64 * block;
    for (intptr_t b = 0; 64 * b < before + groups; b++)
      _mm512_storeu_si512(
          s.zero_bytes + 64 * b, ctk_codes64(w->zeros + (block + b) * size, w->bits));
    memmove(s.zero_bytes, s.zero_bytes + before, (size_t)groups);
  } else {
    memset(s.zero_bytes, 1 << (w->bits - 1), (size_t)groups);
  }
  for (intptr_t g = 0; g < groups; g += 16) {
    const intptr_t rest = groups - g;
    const __mmask16 some = rest >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << rest) - 1);
    const __m256i halves = _mm256_maskz_loadu_epi16(some, w->scales + 2 * (start + g));
    _mm512_storeu_ps(s.scale + g, _mm512_mul_ps(_mm512_cvtph_ps(halves), factor));
    const __m128i bytes = _mm_maskz_loadu_epi8(some, s.zero_bytes + g);
    _mm512_storeu_ps(s.zero + g, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)));
  }
}

/// Σ over groups of zero·scale·Σx.
CTK_BF16 static inline float zero_part(
    struct row_scales s, intptr_t groups, const float *group_sums) {
  __m512 sum = _mm512_setzero_ps();
  for (intptr_t g = 0; g < groups; g += 16) {
    const intptr_t rest = groups - g;
    const __mmask16 some = rest >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << rest) - 1);
    const __m512 product = _mm512_mul_ps(
        _mm512_maskz_loadu_ps(some, s.scale + g), _mm512_maskz_loadu_ps(some, s.zero + g));
    sum = _mm512_fmadd_ps(product, _mm512_maskz_loadu_ps(some, group_sums + g), sum);
  }
  return _mm512_reduce_add_ps(sum);
}

/// Inputs' scale times weights' scale, per run of 64 columns (or per group where that is finer).
CTK_BF16 static inline void combine_scales(
    const struct ctk_packed *w, intptr_t runs, const float *weight_scales,
    const float *input_scales, float *out) {
  if (w->group_size == 64) {
    for (intptr_t b = 0; b < runs; b += 16) {
      const intptr_t rest = runs - b;
      const __mmask16 some = rest >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << rest) - 1);
      _mm512_storeu_ps(
          out + b, _mm512_mul_ps(
                       _mm512_maskz_loadu_ps(some, weight_scales + b),
                       _mm512_maskz_loadu_ps(some, input_scales + b)));
    }
  } else if (w->group_size > 64) {
    const intptr_t per_group = w->group_size / 64;
    for (intptr_t b = 0; b < runs; b++)
      out[b] = weight_scales[b / per_group] * input_scales[b];
  } else {
    const intptr_t per_run = 64 / w->group_size, groups = ctk_groups(w);
    for (intptr_t g = 0; g < groups; g++)
      out[g] = weight_scales[g] * input_scales[g / per_run];
    // Columns beyond the last are zeros; so must be what they are multiplied with.
    for (intptr_t g = groups; g < runs * per_run; g++) out[g] = 0;
  }
}

/// 64 codes with the inputs' two bytes, four neighbours to a sum.
CTK_BF16 static inline __m512 sums_of_four(__m512i codes, const int8_t *high, const int8_t *low) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i upper = _mm512_dpbusd_epi32(zero, codes, _mm512_loadu_si512(high));
  const __m512i both =
      _mm512_dpbusd_epi32(_mm512_slli_epi32(upper, 8), codes, _mm512_loadu_si512(low));
  return _mm512_cvtepi32_ps(both);
}

/// One row of weights with `count` rows of inputs; `bits`, `count`, `masked` and `fine` (groups
/// narrower than a run) are constants.
CTK_BF16 static inline __attribute__((always_inline)) void one_row(
    const struct ctk_packed *w, intptr_t row, const struct ctk_few_inputs *x, const int bits,
    const int count, const int masked, const int fine, struct row_scales s, float *combined,
    intptr_t combined_stride, uint8_t *scratch, float *result) {
  const intptr_t runs = runs_of(w->columns), groups = ctk_groups(w);
  const uint8_t *codes = masked ? ctk_survivors(w, row, 0, runs, scratch)
                                : w->codes + row * runs * 8 * bits;
  const intptr_t per_run = fine ? 64 / w->group_size : 1;
  __m512i lanes = _mm512_setzero_si512(), bytes = _mm512_setzero_si512();
  if (fine) {
    // Lane i sums up columns 4·i … 4·i + 3.
    const __m512i shift = _mm512_set1_epi32(__builtin_ctzll((uint64_t)w->group_size));
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    lanes = _mm512_srlv_epi32(_mm512_slli_epi32(lane, 2), shift);
    bytes = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(0x01010101));
  }
  __m512 sum[ctk_few_rows];
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) sum[j] = _mm512_setzero_ps();
  for (intptr_t b = 0; b < runs; b++) {
    __m512i block;
    if (masked) {
      const uint64_t kept = ctk_mask_word_fast(w, row, b);
      // A masked weight is where the code is the zero.
      const __m512i nothing =
          fine ? _mm512_permutexvar_epi8(bytes, _mm512_loadu_si512(s.zero_bytes + b * per_run))
               : _mm512_set1_epi8((char)s.zero_bytes[64 * b / w->group_size]);
      block = _mm512_mask_expand_epi8(nothing, kept, _mm512_loadu_si512(codes));
      codes += __builtin_popcountll(kept);
    } else {
      block = ctk_codes64(codes, bits);
      codes += 8 * bits;
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) {
      const intptr_t place = (j * runs + b) * 64;
      const float *scales = combined + j * combined_stride;
      const __m512 scale =
          fine ? _mm512_permutexvar_ps(lanes, _mm512_loadu_ps(scales + b * per_run))
               : _mm512_set1_ps(scales[b]);
      sum[j] = _mm512_fmadd_ps(
          sums_of_four(block, x->high + place, x->low + place), scale, sum[j]);
    }
  }
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++)
    result[j] =
        _mm512_reduce_add_ps(sum[j]) - zero_part(s, groups, x->group_sums + j * groups);
}

#define CTK_FEW_COUNTS(bits, masked, fine)                                                        \
  switch (x->rows) {                                                                              \
    case 1: CTK_FEW_ROW(bits, 1, masked, fine) break;                                             \
    case 2: CTK_FEW_ROW(bits, 2, masked, fine) break;                                             \
    case 3: CTK_FEW_ROW(bits, 3, masked, fine) break;                                             \
    default: CTK_FEW_ROW(bits, 4, masked, fine) break;                                            \
  }
#define CTK_FEW_ROW(bits, count, masked, fine)                                                    \
  one_row(w, row, x, bits, count, masked, fine, s, combined, stride, codes, result);

CTK_BF16 static void multiply_few(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  const intptr_t runs = runs_of(w->columns), groups = ctk_groups(w);
  const intptr_t stride = (runs > groups ? runs : groups) + 64;
  uint8_t *codes = scratch;
  float *combined = (float *)(void *)(scratch + 64 * (runs + 3));
  float *scales = combined + ctk_few_rows * stride;
  struct row_scales s = {scales, scales + groups + 16, (uint8_t *)(scales + 2 * groups + 32)};
  const int fine = w->group_size < 64;
  for (intptr_t row = first; row < last; row++) {
    read_scales(w, row, s);
    for (intptr_t j = 0; j < x->rows; j++)
      combine_scales(w, runs, s.scale, x->scales + j * runs, combined + j * stride);
    float result[ctk_few_rows];
    if (ctk_is_sparse(w)) {
      if (fine) CTK_FEW_COUNTS(w->bits, 1, 1) else CTK_FEW_COUNTS(w->bits, 1, 0)
    } else if (fine) {
      CTK_FEW_COUNTS(w->bits, 0, 1)
    } else if (w->bits == 4) {
      CTK_FEW_COUNTS(4, 0, 0)
    } else if (w->bits == 3) {
      CTK_FEW_COUNTS(3, 0, 0)
    } else if (w->bits == 2) {
      CTK_FEW_COUNTS(2, 0, 0)
    } else {
      CTK_FEW_COUNTS(8, 0, 0)
    }
    for (intptr_t j = 0; j < x->rows; j++) y[j * ldy + row] = result[j];
  }
}

// ---- Half-precision weights ----

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

CTK_BF16 static void multiply_few_half(
    const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,
    intptr_t rows, float *y, intptr_t ldy) {
  const int f16 = w->kind == ctk_weight_f16;
  for (intptr_t r = first; r < last; r++) {
    const uint8_t *row = w->values + 2 * r * w->columns;
    float result[ctk_few_rows];
    switch (2 * rows + f16) {
      case 2: half_row(row, w->columns, x, ldx, 1, 0, result); break;
      case 3: half_row(row, w->columns, x, ldx, 1, 1, result); break;
      case 4: half_row(row, w->columns, x, ldx, 2, 0, result); break;
      case 5: half_row(row, w->columns, x, ldx, 2, 1, result); break;
      case 6: half_row(row, w->columns, x, ldx, 3, 0, result); break;
      case 7: half_row(row, w->columns, x, ldx, 3, 1, result); break;
      case 8: half_row(row, w->columns, x, ldx, 4, 0, result); break;
      default: half_row(row, w->columns, x, ldx, 4, 1, result); break;
    }
    for (intptr_t j = 0; j < rows; j++) y[j * ldy + r] = result[j];
  }
}

void ctk_round_few(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *high, int8_t *low, float *scales, float *group_sums) {
  round_few(x, ldx, rows, columns, group_size, high, low, scales, group_sums);
}

void ctk_multiply_few(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  multiply_few(w, first, last, x, y, ldy, scratch);
}

void ctk_multiply_few_half(
    const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,
    intptr_t rows, float *y, intptr_t ldy) {
  multiply_few_half(w, first, last, x, ldx, rows, y, ldy);
}
#else
void ctk_round_few(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *high, int8_t *low, float *scales, float *group_sums) {
  ctk_round_few_ref(x, ldx, rows, columns, group_size, high, low, scales, group_sums);
}
void ctk_multiply_few(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  ctk_multiply_few_ref(w, first, last, x, y, ldy, scratch);
}
void ctk_multiply_few_half(
    const struct ctk_weight *w, intptr_t first, intptr_t last, const float *x, intptr_t ldx,
    intptr_t rows, float *y, intptr_t ldy) {
  ctk_multiply_few_half_ref(w, first, last, x, ldx, rows, y, ldy);
}
#endif
