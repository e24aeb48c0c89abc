#include "attention_shares.h"

#include <math.h>

#include "vectors.h"

/// sum·exp(highest − top) of one part for up to sixteen rows from `first` on.
CTK_INLINE v16 weight(
    const struct ctk_attention_parts *a, intptr_t part, intptr_t first, intptr_t rows, v16 top) {
  const intptr_t at = part * a->rows + first;
  return v16_load_part(a->sum + at, rows, 0) * v16_exp(v16_load_part(a->highest + at, rows, 0) - top);
}

CTK_INLINE void body_of_ctk_attention_shares(const struct ctk_attention_parts *a, double *shares) {
  const float none[16] = {0};
  for (intptr_t first = 0; first < a->rows; first += 16) {
    const intptr_t rows = a->rows - first < 16 ? a->rows - first : 16;
    v16 top = v16_load_part(a->highest + first, rows, 0);
    for (intptr_t p = 1; p < a->parts; p++)
      top = v16_max(v16_load_part(a->highest + p * a->rows + first, rows, 0), top);
    // Lanes past the last row are 0 / 1.
    v16 total = v16_load_part(none, rows, 1);
    for (intptr_t p = 0; p < a->parts; p++) total += weight(a, p, first, rows, top);
    for (intptr_t p = 0; p < a->parts; p++)
      shares[p] += (double)v16_sum(weight(a, p, first, rows, top) / total);
  }
}
CTK_KERNEL(
    ctk_attention_shares, (const struct ctk_attention_parts *parts, double *shares),
    (parts, shares))

void ctk_attention_shares_ref(const struct ctk_attention_parts *a, double *shares) {
  for (intptr_t row = 0; row < a->rows; row++) {
    double top = -INFINITY, total = 0;
    for (intptr_t p = 0; p < a->parts; p++) top = fmax(top, a->highest[p * a->rows + row]);
    for (intptr_t p = 0; p < a->parts; p++)
      total += a->sum[p * a->rows + row] * exp(a->highest[p * a->rows + row] - top);
    for (intptr_t p = 0; p < a->parts; p++)
      shares[p] += a->sum[p * a->rows + row] * exp(a->highest[p * a->rows + row] - top) / total;
  }
}
