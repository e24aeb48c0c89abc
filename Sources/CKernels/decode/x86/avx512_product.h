// State shared by the rows of one AVX-512 decode product: the workspace, and the scales, zero
// points and corrections of a batch of rows:
//   Σ (code − zero)·scale·x  =  Σ over groups of scale·(Σ code·x − zero·Σ x)
// where the second term is a row's correction and the first needs only the combined scales.
#pragma once
#include <immintrin.h>
#include <string.h>

#include "decode_kernels.h"
#include "planar_codes.h"
#include "targets.h"

// ---- Workspace ----

// Scales are prepared for batches of rows with about this many groups in all, to fill vectors.
enum { avx512_batch_groups = 1024 };

static inline intptr_t avx512_batch_rows(intptr_t groups) {
  return groups < avx512_batch_groups ? avx512_batch_groups / groups : 1;
}

/// Combined scales of one row: one per run, or per group where groups are narrower than a run
/// (padded to whole runs).
static inline intptr_t avx512_row_scales(const struct ctk_packed *w) {
  return ctk_runs(w->columns) * (w->group_size < 64 ? 64 / w->group_size : 1);
}

/// Elements of each array of a batch, with room for a whole vector past the end.
static inline intptr_t avx512_batch_size(const struct ctk_packed *w) {
  const intptr_t groups = ctk_groups(w), scales = avx512_row_scales(w);
  return (avx512_batch_rows(groups) + 1) * (scales > groups ? scales : groups) + 128;
}

/// Scales, zero points and corrections of a batch of rows.
struct avx512_batch {
  float *combined;     // [inputs, size]: weight scale times input scale, per run or narrower group
  float *corrections;  // [rows, inputs, 16]: Σ scale·zero·Σx of a row, in lanes
  uint8_t *zero;       // [rows·groups]: zero points, one byte each
  float *scale;        // [groups] of the current row, if groups aren't runs
  intptr_t size;       // elements from one row of inputs to the next
};

/// Survivors' codes, one byte each, and masks of up to two rows.
struct avx512_survivors {
  uint8_t *codes;
  uint64_t *words;
};

struct avx512_workspace {
  struct avx512_batch batch;
  struct avx512_survivors survivors[2];  // of the current rows and of the next ones
  uint8_t *run_zeros;                    // [2, runs]: zero points per run, where groups are wider
};

/// Lays out the workspace of a product with rows in memory.
static inline struct avx512_workspace avx512_workspace(
    const struct ctk_packed *w, struct ctk_arena *arena) {
  const intptr_t runs = ctk_runs(w->columns), size = avx512_batch_size(w);
  const intptr_t rows = avx512_batch_rows(ctk_groups(w)) + 1;
  struct avx512_workspace s;
  s.batch.size = size;
  s.batch.combined = ctk_arena_take(arena, 4 * ctk_decode_pass_rows * size);
  s.batch.scale = ctk_arena_take(arena, 4 * size);
  s.batch.corrections = ctk_arena_take(arena, 64 * ctk_decode_pass_rows * rows);
  for (int i = 0; i < 2; i++) {
    s.survivors[i].words = ctk_arena_take(arena, 2 * 8 * runs);
    // Two rows' codes: they start and end within a block, and a vector is read past the last.
    s.survivors[i].codes = ctk_arena_take(arena, 64 * (2 * runs + 3));
  }
  s.run_zeros = ctk_arena_take(arena, 2 * runs + 64);
  s.batch.zero = ctk_arena_take(arena, size + 64);
  return s;
}

struct avx512_row_sums;

/// The state of a product for the functions that prepare its rows.
struct avx512_product {
  const struct ctk_packed *w;
  const struct ctk_decode_inputs *x;
  intptr_t runs, groups;
  struct avx512_workspace space;
  struct avx512_row_sums *out;
};

// ---- Scales, zero points and corrections of a batch ----

/// The zero points of groups start..<start + count, one byte each.
CTK_AVX512_VNNI static inline void avx512_read_zeros(
    const struct ctk_packed *w, intptr_t start, intptr_t count, uint8_t *zero) {
  if (!w->zeros) {
    memset(zero, 1 << (w->bits - 1), (size_t)count);
    return;
  }
  const intptr_t size = 8 * w->bits, block = start / 64, before = start - 64 * block;
  for (intptr_t b = 0; 64 * b < before + count; b++) {
    const uint8_t *codes = w->zeros + (block + b) * size;
    _mm_prefetch((const char *)codes + 1024, _MM_HINT_T1);
    _mm512_storeu_si512(zero + 64 * b, ctk_codes64(codes, w->bits));
  }
  if (before > 0) memmove(zero, zero + before, (size_t)count);
}

static inline __mmask16 avx512_first_lanes(intptr_t count) {
  return count >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << count) - 1);
}

/// Input scale times weight scale for each run (or each group if groups are narrower), for groups
/// that aren't single runs.
CTK_AVX512_VNNI static inline void avx512_combine_scales(
    const struct ctk_packed *w, intptr_t runs, const float *weight_scales,
    const float *input_scales, float *out) {
  if (w->group_size > 64) {
    const intptr_t per_group = w->group_size / 64, groups = ctk_groups(w);
    for (intptr_t g = 0; g < groups; g++)
      for (intptr_t b = g * per_group; b < (g + 1) * per_group && b < runs; b++)
        out[b] = weight_scales[g] * input_scales[b];
  } else {
    const int shift = __builtin_ctzll(64 / (uint64_t)w->group_size);
    const intptr_t groups = ctk_groups(w);
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i run = _mm512_srli_epi32(lane, (unsigned)shift);
    // Inputs past the last column are zeros, and their scales must be finite for the product to be
    // zero.
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

/// Scales and corrections of rows top..<top + rows. `count`, the rows of inputs, and
/// `runs_are_groups` are constants.
CTK_AVX512_VNNI_INLINE void avx512_prepare_scales_of(
    const struct ctk_packed *w, const struct ctk_decode_inputs *x, intptr_t top, intptr_t rows,
    struct avx512_batch s, const int count, const int runs_are_groups) {
  const intptr_t groups = ctk_groups(w), runs = ctk_runs(w->columns), size = s.size;
  const __m512 factor = _mm512_set1_ps(ctk_power_of_two(w->scale_exponent));
  avx512_read_zeros(w, top * groups, rows * groups, s.zero);
  const uint8_t *halves = w->scales + 2 * top * groups, *zero = s.zero;
  float *correction = s.corrections, *combined = s.combined;
  for (intptr_t row = 0; row < rows; row++) {
    __m512 sum[ctk_decode_pass_rows];
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) sum[j] = _mm512_setzero_ps();
    for (intptr_t g = 0; g < groups; g += 16) {
      const __mmask16 some = avx512_first_lanes(groups - g);
      // Prefetch the next batch's scales.
      _mm_prefetch((const char *)halves + 2 * (rows * groups + g), _MM_HINT_T1);
      const __m512 scale = _mm512_mul_ps(
          _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(some, halves + 2 * g)), factor);
      const __m512 scaled_zero = _mm512_mul_ps(
          scale, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(
                     _mm_loadu_si128((const __m128i *)(const void *)(zero + g)))));
      if (!runs_are_groups) _mm512_storeu_ps(s.scale + g, scale);
#pragma clang loop unroll(full)
      for (int j = 0; j < count; j++) {
        sum[j] = _mm512_fmadd_ps(
            scaled_zero, _mm512_maskz_loadu_ps(some, x->group_sums + j * groups + g), sum[j]);
        if (runs_are_groups)
          _mm512_storeu_ps(
              combined + j * size + g,
              _mm512_mul_ps(scale, _mm512_maskz_loadu_ps(some, x->scales + j * runs + g)));
      }
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++, correction += 16) {
      _mm512_storeu_ps(correction, sum[j]);
      if (!runs_are_groups)
        avx512_combine_scales(w, runs, s.scale, x->scales + j * runs, combined + j * size);
    }
    halves += 2 * groups;
    zero += groups;
    combined += avx512_row_scales(w);
  }
}

CTK_AVX512_VNNI static void avx512_prepare_scales(
    const struct ctk_packed *w, const struct ctk_decode_inputs *x, intptr_t top, intptr_t rows,
    struct avx512_batch s) {
  if (w->group_size != 64) {
    switch (x->rows) {
      case 1: avx512_prepare_scales_of(w, x, top, rows, s, 1, 0); return;
      case 2: avx512_prepare_scales_of(w, x, top, rows, s, 2, 0); return;
      case 3: avx512_prepare_scales_of(w, x, top, rows, s, 3, 0); return;
      default: avx512_prepare_scales_of(w, x, top, rows, s, 4, 0); return;
    }
  }
  switch (x->rows) {
    case 1: avx512_prepare_scales_of(w, x, top, rows, s, 1, 1); return;
    case 2: avx512_prepare_scales_of(w, x, top, rows, s, 2, 1); return;
    case 3: avx512_prepare_scales_of(w, x, top, rows, s, 3, 1); return;
    default: avx512_prepare_scales_of(w, x, top, rows, s, 4, 1); return;
  }
}

/// The zero point of each run of a row, from those of its groups; those of the groups themselves if
/// each is a run.
static inline const uint8_t *avx512_run_zeros(
    const struct ctk_packed *w, const uint8_t *zeros, uint8_t *space) {
  const intptr_t per_group = w->group_size / 64, runs = ctk_runs(w->columns);
  if (per_group == 1) return zeros;
  for (intptr_t b = 0; b < runs; b++) space[b] = zeros[b / per_group];
  return space;
}

/// The zero points of the runs of `rows` rows, at most two, from row `i` of the batch on: [rows,
/// runs].
static inline const uint8_t *avx512_run_zeros_of_rows(
    const struct avx512_product *p, intptr_t i, intptr_t rows) {
  const uint8_t *zeros = p->space.batch.zero + i * p->groups;
  if (p->groups == p->runs) return zeros;
  for (intptr_t r = 0; r < rows; r++)
    avx512_run_zeros(p->w, zeros + r * p->groups, p->space.run_zeros + r * p->runs);
  return p->space.run_zeros;
}
