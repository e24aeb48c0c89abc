// The decode products with NEON: the generic kernels, compiled for it.
#if defined(__aarch64__)
#include "generic/rows.h"
#include "generic/tiles.h"

const struct ctk_decode_kernel ctk_neon_rows = {generic_multiply, generic_scratch};
const struct ctk_decode_kernel ctk_neon_tiles = {generic_multiply_tiles, generic_tile_scratch};
#endif
