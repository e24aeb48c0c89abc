// Products of few rows with NEON, with the dot products of bytes.
#if defined(__aarch64__)
#define CTK_DOTPROD
#include "few_tile_lanes_neon.h"

#include "few_integer.h"

void ctk_multiply_few_dotprod(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  multiply_few(w, first, last, x, y, ldy, scratch);
}
#endif
