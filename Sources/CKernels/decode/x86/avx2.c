// The decode products with AVX2: the generic kernels, compiled for it.
#if defined(__x86_64__)
#include "generic/rows.h"
#include "generic/tiles.h"

const struct ctk_decode_kernel ctk_avx2_rows = {generic_multiply, generic_scratch};
const struct ctk_decode_kernel ctk_avx2_tiles = {generic_multiply_tiles, generic_tile_scratch};
#endif
