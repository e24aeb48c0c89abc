// Pieces of rows of a stored weight matrix as float32, exactly.
#include <string.h>

#include "bf16.h"
#include "half.h"
#include "weight_rows.h"

void ctk_row_floats(
    const struct ctk_weight *w, intptr_t row, intptr_t first, intptr_t last, float *out) {
  const intptr_t place = row * w->columns + first, count = last - first;
  switch (w->kind) {
    case ctk_weight_packed: ctk_unpack_columns(w->packed, row, first, last, out); break;
    case ctk_weight_f16: ctk_widen_f16(w->values + 2 * place, out, count); break;
    case ctk_weight_bf16: ctk_widen_bf16(w->values + 2 * place, out, count); break;
    default: memcpy(out, w->values + 4 * place, (size_t)count * sizeof(float));
  }
}

void ctk_rows_floats_ref(const struct ctk_weight *w, float *out) {
  const intptr_t count = w->rows * w->columns;
  switch (w->kind) {
    case ctk_weight_packed: ctk_unpack_planar_ref(w->packed, 0, w->rows, out, w->columns); break;
    case ctk_weight_f16: ctk_widen_f16_ref(w->values, out, count); break;
    case ctk_weight_bf16: ctk_widen_bf16_ref(w->values, out, count); break;
    default: memcpy(out, w->values, (size_t)count * sizeof(float));
  }
}
