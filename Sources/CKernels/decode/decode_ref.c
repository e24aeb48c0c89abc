// Plain twins of the decode products, one weight at a time with sums in double precision.
#include <math.h>
#include <string.h>

#include "bf16.h"
#include "decode.h"
#include "dot_rows.h"
#include "half.h"
#include "single_weight.h"

void ctk_decode_round_ref(
    const float *x, intptr_t ldx, intptr_t rows, intptr_t columns, intptr_t group_size,
    int8_t *values, float *scales, float *group_sums) {
  const intptr_t runs = ctk_runs(columns), groups = (columns + group_size - 1) / group_size;
  for (intptr_t j = 0; j < rows; j++) {
    for (intptr_t g = 0; g < groups; g++) group_sums[j * groups + g] = 0;
    for (intptr_t run = 0; run < runs; run++) {
      const intptr_t n = columns - 64 * run < 64 ? columns - 64 * run : 64;
      const float *in = x + j * ldx + 64 * run;
      // 0, or NaN if a value is NaN or infinite, which then makes every result of this run NaN.
      float top = 0, poison = 0;
      for (intptr_t i = 0; i < n; i++) {
        top = fabsf(in[i]) > top ? fabsf(in[i]) : top;
        poison += in[i] * 0;
      }
      if (poison != 0) top = 0;
      // 32639 = 127·256 + 127 is the largest number whose two bytes are both at most 127.
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

void ctk_decode_multiply_ref(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_decode_inputs *x,
    float *y, intptr_t ldy) {
  const intptr_t runs = ctk_runs(w->columns);
  for (intptr_t r = first; r < last; r++)
    for (intptr_t j = 0; j < x->rows; j++) {
      double sum = 0;
      for (intptr_t c = 0; c < w->columns; c++) {
        const intptr_t place = (j * runs + c / 64) * 128 + c % 64;
        const int32_t q = 256 * x->values[place] + x->values[place + 64];
        sum += (double)ctk_single_weight(w, r, c) * q * x->scales[j * runs + c / 64];
      }
      y[j * ldy + r] = (float)sum;
    }
}

void ctk_decode_multiply_half_ref(
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

void ctk_dot_rows_ref(
    const float *w, const float *x, intptr_t ldx, intptr_t m, intptr_t k, float *y, intptr_t ldy,
    int accumulate) {
  for (intptr_t j = 0; j < m; j++) {
    double sum = accumulate ? y[j * ldy] : 0;
    for (intptr_t i = 0; i < k; i++) sum += (double)w[i] * x[j * ldx + i];
    y[j * ldy] = (float)sum;
  }
}
