// Products of few rows with NEON.
#if defined(__aarch64__)
#include "few_tile_lanes_neon.h"

#include "few_integer.h"

void ctk_multiply_few_neon(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  multiply_few(w, first, last, x, y, ldy, scratch);
}
#endif
