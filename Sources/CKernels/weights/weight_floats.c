// Exact decoding of pieces of rows of a stored weight matrix to float32.
#include <string.h>

#include "bf16.h"
#include "half.h"
#include "weight_rows.h"

void ctk_rows_floats(
    const struct ctk_weight *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
    float *out, intptr_t stride) {
  if (w->kind == ctk_weight_packed) {
    ctk_unpack_rows(w->packed, row, count, first, last, out, stride);
    return;
  }
  const intptr_t columns = last - first;
  for (intptr_t i = 0; i < count; i++, out += stride) {
    const intptr_t place = (row + i) * w->columns + first;
    switch (w->kind) {
      case ctk_weight_f16: ctk_widen_f16(w->values + 2 * place, out, columns); break;
      case ctk_weight_bf16: ctk_widen_bf16(w->values + 2 * place, out, columns); break;
      default: memcpy(out, w->values + 4 * place, (size_t)columns * sizeof(float));
    }
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
