#pragma once
#include <stdint.h>

enum ctk_cache_format {
  ctk_cache_f32 = 0,
  ctk_cache_f16 = 1,
  ctk_cache_i8 = 2,  // bytes with a float32 scale per row and head
};

/// Keys or values of one head: `count` rows of `dim` numbers, `stride` numbers apart.
struct ctk_cached_rows {
  int format;
  const void *rows;      // the head's part of the first row
  const float *scales;   // i8: the head's scale of the first row, `scale_stride` apart
  intptr_t stride, scale_stride;
};

/// scores[h·score_stride + t] = q[h]·key[t] for the `heads` query heads [heads, dim] that share one
/// key head.
void ctk_cached_scores(
    const struct ctk_cached_rows *keys, intptr_t count, const float *q, intptr_t heads,
    intptr_t dim, float *scores, intptr_t score_stride);
void ctk_cached_scores_ref(
    const struct ctk_cached_rows *keys, intptr_t count, const float *q, intptr_t heads,
    intptr_t dim, float *scores, intptr_t score_stride);

/// out[h] = Σ over t of shares[h·share_stride + t]·value[t], out [heads, dim].
void ctk_cached_sum(
    const struct ctk_cached_rows *values, intptr_t count, const float *shares,
    intptr_t share_stride, intptr_t heads, intptr_t dim, float *out);
void ctk_cached_sum_ref(
    const struct ctk_cached_rows *values, intptr_t count, const float *shares,
    intptr_t share_stride, intptr_t heads, intptr_t dim, float *out);

/// Stores one head's row of `dim` floats at `row` in `format`, and for i8 its scale in `*scale`.
/// Returns the index of the first one that isn't finite or becomes infinite in the format (float16
/// ends at 65504); `dim` if there is none.
intptr_t ctk_store_cached(
    int format, const float *in, intptr_t dim, void *row, float *scale);
