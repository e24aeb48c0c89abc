// The interface between decode.c and its implementations: one kernel for weights in rows and one
// for tiles, and the kernels' scratch memory.
#pragma once
#include "decode.h"

/// A bump allocator over scratch memory. With `start` null it only counts bytes, so that one layout
/// function both sizes a workspace and lays it out.
struct ctk_arena {
  uint8_t *start;  // at the start of a cache line, or null
  intptr_t used;   // bytes
};

enum { ctk_cache_line = 64 };

/// Allocates `bytes` at the start of a cache line; null if the arena only counts.
static inline void *ctk_arena_take(struct ctk_arena *arena, intptr_t bytes) {
  uint8_t *piece = arena->start ? arena->start + arena->used : 0;
  arena->used += (bytes + ctk_cache_line - 1) / ctk_cache_line * ctk_cache_line;
  return piece;
}

/// One implementation of ctk_decode_multiply for one layout of the weights.
struct ctk_decode_kernel {
  /// Computes ctk_decode_multiply; `scratch` is at the start of a cache line.
  void (*multiply)(
      const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_decode_inputs *x,
      float *y, intptr_t ldy, uint8_t *scratch);
  /// Bytes of scratch memory, measured by the kernel's layout function on an arena that only
  /// counts.
  intptr_t (*scratch)(const struct ctk_packed *w);
};

// Weights stored row after row, and sparse ones whose rows are interleaved sixteen to a tile.
extern const struct ctk_decode_kernel ctk_avx512_rows, ctk_avx512_tiles;
extern const struct ctk_decode_kernel ctk_avx2_rows, ctk_avx2_tiles;
extern const struct ctk_decode_kernel ctk_neon_rows, ctk_neon_tiles;
extern const struct ctk_decode_kernel ctk_dotprod_rows, ctk_dotprod_tiles;
