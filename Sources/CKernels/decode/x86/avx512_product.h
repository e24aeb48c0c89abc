// State shared by the rows of one AVX-512 decode product: the workspace, and the horizontal sums.
#pragma once
#include <immintrin.h>

#include "decode_kernels.h"
#include "planar_codes.h"
#include "targets.h"

// ---- Workspace ----

// Scales are prepared for a batch of rows: as many as have about this many groups, to fill vectors.
enum { avx512_batch_groups = 1024 };

static inline intptr_t avx512_batch_rows(intptr_t groups) {
  return groups < avx512_batch_groups ? avx512_batch_groups / groups : 1;
}

/// Combined scales of one row: one per run, or per group where groups are narrower than a run (padded
/// to whole runs).
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
  float *scale;        // [groups] of the row at hand, where groups aren't runs
  intptr_t size;       // elements from one row of inputs to the next
};

/// Survivors' codes, one byte each, and masks of up to two rows.
struct avx512_survivors {
  uint8_t *codes;
  uint64_t *words;
};

struct avx512_workspace {
  struct avx512_batch batch;
  struct avx512_survivors survivors[2];  // of the rows at hand and of the next ones
  uint8_t *run_zeros;                    // [2, runs]: zero points per run, where groups are wider
};

/// The workspace of a product with rows, in the order in which it lies in memory.
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

// ---- Horizontal sums, sixteen rows at once ----

/// Sums of consecutive rows, still spread over lanes. Adding up one row's lanes on its own takes about
/// 30 cycles, half as long as the product of a row of 576 columns; sixteen rows share one transposition.
struct avx512_row_sums {
  __m512 lanes[ctk_decode_pass_rows][16];  // per row of inputs, of the rows that are pending
  intptr_t pending, inputs;
  float *y;  // the first pending row's result; inputs are `ldy` floats apart
  intptr_t ldy;
};

/// Lane i of the result: the sum of all lanes of rows[i], added in an order that doesn't depend on i.
CTK_AVX512_VNNI static inline __m512 avx512_sums_of_rows(const __m512 rows[16]) {
  __m512 fours[4];
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const __m512 *r = rows + 4 * i;
    const __m512d a = _mm512_castps_pd(
        _mm512_add_ps(_mm512_unpacklo_ps(r[0], r[1]), _mm512_unpackhi_ps(r[0], r[1])));
    const __m512d b = _mm512_castps_pd(
        _mm512_add_ps(_mm512_unpacklo_ps(r[2], r[3]), _mm512_unpackhi_ps(r[2], r[3])));
    fours[i] = _mm512_add_ps(
        _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  __m512 halves[2];
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++)
    halves[i] = _mm512_add_ps(
        _mm512_shuffle_f32x4(fours[2 * i], fours[2 * i + 1], 0x88),
        _mm512_shuffle_f32x4(fours[2 * i], fours[2 * i + 1], 0xdd));
  return _mm512_add_ps(
      _mm512_shuffle_f32x4(halves[0], halves[1], 0x88),
      _mm512_shuffle_f32x4(halves[0], halves[1], 0xdd));
}

/// Writes the results of the pending rows.
CTK_AVX512_VNNI static inline void avx512_write_rows(struct avx512_row_sums *s) {
  for (intptr_t j = 0; j < s->inputs; j++) {
    for (intptr_t i = s->pending; i < 16; i++) s->lanes[j][i] = _mm512_setzero_ps();
    _mm512_mask_storeu_ps(
        s->y + j * s->ldy, (__mmask16)((1u << s->pending) - 1), avx512_sums_of_rows(s->lanes[j]));
  }
  s->y += s->pending;
  s->pending = 0;
}

/// Appends a row: its sums per row of inputs, less its corrections [inputs, 16].
CTK_AVX512_VNNI_INLINE void avx512_put_row(
    struct avx512_row_sums *s, const __m512 sums[], const float *corrections,
    const intptr_t inputs) {
  for (intptr_t j = 0; j < inputs; j++)
    s->lanes[j][s->pending] = _mm512_sub_ps(sums[j], _mm512_loadu_ps(corrections + 16 * j));
  if (++s->pending == 16) avx512_write_rows(s);
}

// ---- A product ----

struct avx512_product {
  const struct ctk_packed *w;
  const struct ctk_decode_inputs *x;
  intptr_t runs, groups;
  struct avx512_workspace space;
  struct avx512_row_sums *out;
};
