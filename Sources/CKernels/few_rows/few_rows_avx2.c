// Products of few rows with AVX2.
#if defined(__x86_64__)
#include "few_tile_lanes_avx2.h"

#include "few_integer.h"

void ctk_multiply_few_avx2(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  multiply_few(w, first, last, x, y, ldy, scratch);
}
#endif
