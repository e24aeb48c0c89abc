// Unpacking of planar blocks of 64 codes to one byte per code, on any processor.
#pragma once
#include "planar_codes.h"
#include "vectors.h"

typedef uint8_t b16 __attribute__((vector_size(16)));

CTK_INLINE b16 bytes16(const uint8_t *p) {
  b16 v;
  memcpy(&v, p, 16);
  return v;
}

CTK_INLINE void put16(uint8_t *p, b16 v) { memcpy(p, &v, 16); }

/// Unpacks 64 two-bit codes from 16 bytes.
CTK_INLINE void two_bits(const uint8_t *in, uint8_t *out) {
  const b16 v = bytes16(in);
  put16(out, v & 3);
  put16(out + 16, (v >> 2) & 3);
  put16(out + 32, (v >> 4) & 3);
  put16(out + 48, v >> 6);
}

/// Unpacks one block of 64 codes to one byte each.
CTK_INLINE void block_of_codes(const uint8_t *in, int bits, uint8_t *out) {
  if (bits == 8) {
    memcpy(out, in, 64);
  } else if (bits == 4) {
    for (int half = 0; half < 32; half += 16) {
      const b16 v = bytes16(in + half);
      put16(out + half, v & 15);
      put16(out + 32 + half, v >> 4);
    }
  } else {
    two_bits(in, out);
    if (bits == 3) {
      const b16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
      for (int i = 0; i < 4; i++) {
        const uint8_t a = in[16 + 2 * i], b = in[17 + 2 * i];
        const b16 word = {a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b};
        const b16 high = (b16)((word & bit) != 0) & 4;
        put16(out + 16 * i, bytes16(out + 16 * i) | high);
      }
    }
  }
}

/// Unpacks consecutive blocks of 64 codes to one byte each.
CTK_INLINE void blocks_of_codes(const uint8_t *in, intptr_t blocks, int bits, uint8_t *out) {
  for (intptr_t b = 0; b < blocks; b++) block_of_codes(in + b * 8 * bits, bits, out + 64 * b);
}

/// Unpacks the zero points of group `group` of a tile's sixteen rows to one byte each.
CTK_INLINE void ctk_tile_zeros(
    const struct ctk_packed *w, intptr_t tile, intptr_t group, uint8_t zeros[16]) {
  if (!w->zeros) {
    memset(zeros, 1 << (w->bits - 1), ctk_tile_rows);
    return;
  }
  // Sixteen codes are a quarter of a block.
  const intptr_t place = tile * ctk_groups(w) + group;
  uint8_t block[64];
  block_of_codes(w->zeros + place / 4 * 8 * w->bits, w->bits, block);
  memcpy(zeros, block + place % 4 * ctk_tile_rows, ctk_tile_rows);
}
