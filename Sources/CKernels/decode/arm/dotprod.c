// The decode products with NEON and byte dot products: the generic kernels, compiled for both.
#if defined(__aarch64__)
#define CTK_DOTPROD
#include "generic/rows.h"
#include "generic/tiles.h"

const struct ctk_decode_kernel ctk_dotprod_rows = {generic_multiply, generic_scratch};
const struct ctk_decode_kernel ctk_dotprod_tiles = {generic_multiply_tiles, generic_tile_scratch};
#endif
