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

#include "few_rows_loop.h"
#include "planar_codes.h"
#include "thread_space.h"
#include "vectors.h"

static inline intptr_t runs_of(intptr_t columns) { return (columns + 63) / 64; }

// Rows whose scales are read at once: so many that their groups fill some vectors.
enum { groups_at_once = 1024 };

static inline intptr_t rows_at_once(intptr_t groups) {
  return groups < groups_at_once ? groups_at_once / groups : 1;
}

/// Combined scales of one row: per run, or per group where those are finer (whole runs of them).
static inline intptr_t row_scales(const struct ctk_packed *w) {
  return runs_of(w->columns) * (w->group_size < 64 ? 64 / w->group_size : 1);
}

/// Numbers per array of a batch of rows, with room for vectors beyond the end.
static inline intptr_t batch_size(const struct ctk_packed *w) {
  const intptr_t groups = ctk_groups(w), scales = row_scales(w);
  return rows_at_once(groups) * (scales > groups ? scales : groups) + 128;
}

intptr_t ctk_few_scratch(const struct ctk_packed *w) {
  // Survivors' codes and masks of two rows; per group of a batch its scale, scale·zero and zero byte; a
  // row's combined scales, and the zero of each of its runs.
  const intptr_t runs = runs_of(w->columns);
  return 2 * (64 * (runs + 3) + 8 * (runs + 8)) +
         (4 + 4 + 1 + 4 * ctk_few_rows) * batch_size(w) + 4 * (runs + 32);
}

// ---- Inputs ----

void ctk_round_few_ref(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *values, float *scales, float *group_sums) {
  const intptr_t runs = runs_of(columns), groups = (columns + group_size - 1) / group_size;
  for (intptr_t j = 0; j < rows; j++) {
    for (intptr_t g = 0; g < groups; g++) group_sums[j * groups + g] = 0;
    for (intptr_t run = 0; run < runs; run++) {
      const intptr_t n = columns - 64 * run < 64 ? columns - 64 * run : 64;
      const float *in = x + j * ldx + 64 * run;
      // 0, or NaN where a value is NaN or infinite: then so is all that comes of this run.
      float top = 0, poison = 0;
      for (intptr_t i = 0; i < n; i++) {
        top = fabsf(in[i]) > top ? fabsf(in[i]) : top;
        poison += in[i] * 0;
      }
      if (poison != 0) top = 0;
      // 127·256 + 127 is the largest number of both bytes.
      const float inverse = top > 0 ? 32639.0f / top : 0, scale = top / 32639.0f + poison;
      scales[j * runs + run] = scale;
      for (intptr_t i = 0; i < 64; i++) {
        const int32_t q = i < n && top > 0 ? (int32_t)rintf(in[i] * inverse) : 0;
        const int8_t bottom = (int8_t)(q & 255);
        const intptr_t place = (j * runs + run) * 128 + i;
        values[place] = (int8_t)((q - bottom) / 256);
        values[place + 64] = bottom;
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
        const intptr_t place = (j * runs + c / 64) * 128 + c % 64;
        const int32_t q = 256 * x->values[place] + x->values[place + 64];
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
    const float *in, intptr_t n, int8_t *values, float *scale, float *rounded) {
  __m512 v[4];
  __m512 top = _mm512_setzero_ps(), poison = _mm512_setzero_ps();
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const intptr_t rest = n - 16 * i;
    const __mmask16 some =
        rest >= 16 ? (__mmask16)0xffff : rest > 0 ? (__mmask16)((1u << rest) - 1) : 0;
    v[i] = _mm512_maskz_loadu_ps(some, in + 16 * i);
    top = _mm512_max_ps(top, _mm512_abs_ps(v[i]));
    poison = _mm512_fmadd_ps(v[i], _mm512_setzero_ps(), poison);
  }
  // 0, or NaN where a value is NaN or infinite: then so is all that comes of this run.
  const float wrong = _mm512_reduce_add_ps(poison);
  const float highest = wrong != 0 ? 0 : _mm512_reduce_max_ps(top);
  const float inverse = highest > 0 ? 32639.0f / highest : 0;
  *scale = highest / 32639.0f + wrong;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const __m512i q = _mm512_maskz_cvtps_epi32(
        highest > 0 ? 0xffff : 0, _mm512_mul_ps(v[i], _mm512_set1_ps(inverse)));
    const __m512i bottom = _mm512_srai_epi32(_mm512_slli_epi32(q, 24), 24);
    const __m512i top_byte = _mm512_srai_epi32(_mm512_sub_epi32(q, bottom), 8);
    _mm_storeu_si128((__m128i *)(values + 64 + 16 * i), _mm512_cvtepi32_epi8(bottom));
    _mm_storeu_si128((__m128i *)(values + 16 * i), _mm512_cvtepi32_epi8(top_byte));
    _mm512_storeu_ps(
        rounded + 16 * i, _mm512_mul_ps(_mm512_cvtepi32_ps(q), _mm512_set1_ps(*scale)));
  }
}

CTK_BF16 static void round_few(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *values, float *scales, float *group_sums) {
  const intptr_t runs = runs_of(columns), groups = (columns + group_size - 1) / group_size;
  for (intptr_t j = 0; j < rows; j++) {
    for (intptr_t g = 0; g < groups; g++) group_sums[j * groups + g] = 0;
    for (intptr_t run = 0; run < runs; run++) {
      const intptr_t n = columns - 64 * run < 64 ? columns - 64 * run : 64;
      float rounded[64];
      round_run(
          x + j * ldx + 64 * run, n, values + (j * runs + run) * 128, scales + j * runs + run,
          rounded);
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

// ---- Scales of a batch of rows ----

/// Per group of a batch of rows its scale, scale·zero, and the zero as a byte.
struct batch_scales {
  float *scale, *scaled_zero;
  uint8_t *zero;
};

CTK_BF16 static void read_scales(
    const struct ctk_packed *w, intptr_t start, intptr_t count, struct batch_scales s) {
  const __m512 factor = _mm512_set1_ps(ctk_power_of_two(w->scale_exponent));
  intptr_t before = 0;
  if (w->zeros) {
    const intptr_t size = 8 * w->bits, block = start / 64;
    before = start - 64 * block;
    for (intptr_t b = 0; 64 * b < before + count; b++)
      _mm512_storeu_si512(s.zero + 64 * b, ctk_codes64(w->zeros + (block + b) * size, w->bits));
    memmove(s.zero, s.zero + before, (size_t)count);
  } else {
    memset(s.zero, 1 << (w->bits - 1), (size_t)count);
  }
  for (intptr_t g = 0; g < count; g += 16) {
    const intptr_t rest = count - g;
    const __mmask16 some = rest >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << rest) - 1);
    // The next batch's.
    _mm_prefetch((const char *)w->scales + 2 * (start + count + g), _MM_HINT_T0);
    const __m256i halves = _mm256_maskz_loadu_epi16(some, w->scales + 2 * (start + g));
    const __m512 scale = _mm512_mul_ps(_mm512_cvtph_ps(halves), factor);
    const __m128i bytes = _mm_maskz_loadu_epi8(some, s.zero + g);
    _mm512_storeu_ps(s.scale + g, scale);
    _mm512_storeu_ps(
        s.scaled_zero + g,
        _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))));
  }
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
    const intptr_t per_group = w->group_size / 64, groups = ctk_groups(w);
    for (intptr_t g = 0; g < groups; g++)
      for (intptr_t b = g * per_group; b < (g + 1) * per_group && b < runs; b++)
        out[b] = weight_scales[g] * input_scales[b];
  } else {
    const int shift = __builtin_ctzll(64 / (uint64_t)w->group_size);
    const intptr_t groups = ctk_groups(w);
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i run = _mm512_srli_epi32(lane, (unsigned)shift);
    // Columns beyond the last are zeros; so must be what they are multiplied with.
    for (intptr_t g = 0; g < runs << shift; g += 16) {
      const intptr_t rest = groups - g;
      const __mmask16 some =
          rest >= 16 ? (__mmask16)0xffff : rest > 0 ? (__mmask16)((1u << rest) - 1) : 0;
      const intptr_t left = runs - (g >> shift);
      const __m512 inputs = _mm512_maskz_loadu_ps(
          left >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1),
          input_scales + (g >> shift));
      _mm512_storeu_ps(
          out + g, _mm512_mul_ps(
                       _mm512_maskz_loadu_ps(some, weight_scales + g),
                       _mm512_permutexvar_ps(run, inputs)));
    }
  }
}

/// Space for a sparse row's masks and survivors' codes.
struct sparse_row {
  uint8_t *codes;
  uint64_t *words;
};

/// The masks of a row of 2:4 sparsity, eight runs at a time. Two places of two bits are four bits of
/// a mask: 1 << (i & 3) | 1 << (i >> 2).
CTK_BF16 static inline void masks_of_pairs(const uint8_t *places, intptr_t runs, uint64_t *words) {
  const __m512i masks = _mm512_broadcast_i32x4(
      _mm_setr_epi8(1, 3, 5, 9, 3, 2, 6, 10, 5, 6, 4, 12, 9, 10, 12, 8));
  const __m512i low = _mm512_set1_epi8(15);
  for (intptr_t b = 0; b < runs; b += 8) {
    const __mmask8 some = runs - b >= 8 ? 0xff : (__mmask8)((1u << (runs - b)) - 1);
    const __m512i v = _mm512_maskz_loadu_epi64(some, places + 8 * b);
    const __m512i first = _mm512_shuffle_epi8(masks, _mm512_and_si512(v, low));
    const __m512i second =
        _mm512_shuffle_epi8(masks, _mm512_and_si512(_mm512_srli_epi16(v, 4), low));
    _mm512_storeu_si512(words + b, _mm512_or_si512(first, _mm512_slli_epi16(second, 4)));
  }
}

/// A sparse row as its loop takes it.
struct ready_row {
  const uint8_t *codes;
  const uint64_t *words;
};

/// What a row's loop needs, one row ahead of it: bytes that were just written are slow to read at
/// another alignment.
CTK_BF16 static struct ready_row read_sparse_row(
    const struct ctk_packed *w, intptr_t row, struct sparse_row space) {
  const intptr_t runs = runs_of(w->columns);
  const uint8_t *marks = (w->mask ? w->mask : w->positions) + row * runs * 8;
  // A run's mask or places take 8 bytes, or about that many.
  for (intptr_t line = 0; line < runs * 8; line += 64)
    _mm_prefetch((const char *)marks + line + ctk_codes_ahead, _MM_HINT_T0);
  struct ready_row ready = {0, space.words};
  if (w->mask && (uintptr_t)marks % 8 == 0)
    ready.words = (const uint64_t *)(const void *)marks;
  else if (w->mask)
    memcpy(space.words, marks, (size_t)runs * 8);
  else if (w->kept == 2 && w->of == 4 && w->columns % 64 == 0)
    masks_of_pairs(marks, runs, space.words);
  else
    for (intptr_t b = 0; b < runs; b++) space.words[b] = ctk_positions_word(w, row, b);
  ready.codes = ctk_survivors(w, row, 0, runs, space.codes);
  return ready;
}

/// The zero of each run, four times over: so it is spread over a vector by the load alone.
CTK_BF16 static inline void zeros_of_runs(
    const struct ctk_packed *w, const uint8_t *zeros, uint32_t *out) {
  const intptr_t per_group = w->group_size / 64, runs = runs_of(w->columns);
  if (per_group == 1) {
    const __m512i four = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0);
    for (intptr_t b = 0; b < runs; b += 16) {
      const __m512i wide =
          _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(zeros + b)));
      _mm512_storeu_si512(out + b, _mm512_shuffle_epi8(wide, four));
    }
  } else {
    for (intptr_t b = 0, g = 0; b < runs; g++)
      for (intptr_t i = 0; i < per_group && b < runs; i++) out[b++] = 0x01010101u * zeros[g];
  }
}

CTK_BF16 static void multiply_few(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  const intptr_t runs = runs_of(w->columns), groups = ctk_groups(w), size = batch_size(w);
  const intptr_t batch = rows_at_once(groups);
  const int sparse = ctk_is_sparse(w), fine = w->group_size < 64;
  const ctk_few_loop loop = ctk_few_loop_for(w);
  float *combined = (float *)(void *)scratch, *scales = combined + ctk_few_rows * size;
  uint64_t *words = (uint64_t *)(void *)(scales + 2 * size);
  uint32_t *zeros = (uint32_t *)(void *)(words + 2 * (runs + 8));
  uint8_t *codes = (uint8_t *)(zeros + runs + 32);
  const struct batch_scales all = {scales, scales + size, codes + 2 * 64 * (runs + 3)};
  const struct sparse_row space[2] = {
      {codes, words}, {codes + 64 * (runs + 3), words + runs + 8}};
  struct ctk_few_row r = {
      .run_zeros = zeros, .values = x->values, .group_sums = x->group_sums, .groups = groups,
      .runs = runs, .value_stride = 128 * runs,
      .scale_stride = size, .per_run = fine ? 64 / w->group_size : 1};
  if (fine) {
    // Lane i sums up columns 4·i … 4·i + 3.
    const __m512i shift = _mm512_set1_epi32(__builtin_ctzll((uint64_t)w->group_size));
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    r.lanes = _mm512_srlv_epi32(_mm512_slli_epi32(lane, 2), shift);
    r.bytes = _mm512_mullo_epi32(r.lanes, _mm512_set1_epi32(0x01010101));
  }
  struct ready_row next = {0};
  if (sparse && first < last) next = read_sparse_row(w, first, space[0]);
  for (intptr_t top = first; top < last; top += batch) {
    const intptr_t rows = last - top < batch ? last - top : batch;
    read_scales(w, top * groups, rows * groups, all);
    for (intptr_t j = 0; j < x->rows; j++)
      for (intptr_t i = 0; i < rows; i++)
        combine_scales(
            w, runs, all.scale + i * groups, x->scales + j * runs,
            combined + j * size + i * row_scales(w));
    r.scales = combined;
    r.scaled_zeros = all.scaled_zero;
    if (!sparse) {
      r.codes = w->codes + top * runs * 8 * w->bits;
      loop(&r, rows, x->rows, y + top, ldy);
      continue;
    }
    for (intptr_t row = top; row < top + rows; row++) {
      r.codes = next.codes;
      r.words = next.words;
      r.group_zeros = all.zero + (row - top) * groups;
      if (!fine) zeros_of_runs(w, r.group_zeros, zeros);
      if (row + 1 < last) next = read_sparse_row(w, row + 1, space[(row + 1 - first) % 2]);
      loop(&r, 1, x->rows, y + row, ldy);
      r.scales += row_scales(w);
      r.scaled_zeros += groups;
    }
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

#else
#define round_few ctk_round_few_ref
#define multiply_few ctk_multiply_few_ref
#define multiply_few_half ctk_multiply_few_half_ref
#endif

void ctk_round_few(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *values, float *scales, float *group_sums) {
  round_few(x, ldx, rows, columns, group_size, values, scales, group_sums);
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

void ctk_run_few(const struct ctk_few_job *jobs, intptr_t count, intptr_t first, intptr_t last) {
  for (intptr_t i = 0; i < count; i++) {
    const struct ctk_few_job *job = jobs + i;
    const struct ctk_weight *w = job->weight;
    const intptr_t top = first > 0 ? first : 0, end = last < w->rows ? last : w->rows;
    first -= w->rows;
    last -= w->rows;
    if (top >= end) continue;
    if (w->packed)
      ctk_multiply_few(
          w->packed, top, end, job->rounded, job->y, job->ldy,
          ctk_thread_space((size_t)ctk_few_scratch(w->packed)));
    else
      ctk_multiply_few_half(w, top, end, job->x, job->ldx, job->rows, job->y, job->ldy);
  }
}
