#include "unpack_planar.h"

#include <math.h>

#include "planar_blocks.h"
#include "planar_codes.h"
#include "row_tiles.h"
#include "single_weight.h"
#include "spread_codes.h"

enum { blocks_at_once = 8 };  // of codes that are unpacked at a time: they stay in the L1 cache

/// out = (code − zero)·scale for n codes. At least 16 bytes must be readable from each code on.
CTK_INLINE void dequantize(
    const uint8_t *codes, intptr_t n, float zero, float scale, float *out) {
  for (intptr_t i = 0; i < n; i += 16) {
    const v16 q = __builtin_convertvector(__builtin_convertvector(bytes16(codes + i), m16), v16);
    const v16 value = (q - v16_all(zero)) * v16_all(scale);
    if (i + 16 <= n)
      v16_store(out + i, value);
    else
      v16_store_part(out + i, value, n - i);
  }
}

/// Dequantizes columns first..<last of a row. `codes` start at the block of 64 columns that
/// contains `first`.
CTK_INLINE void dequantize_row(
    const struct ctk_packed *w, intptr_t row, intptr_t first, intptr_t last, const uint8_t *codes,
    float *out) {
  const float factor = ctk_power_of_two(w->scale_exponent);
  codes -= first / 64 * 64;
  for (intptr_t c = first, g = first / w->group_size; c < last; g++) {
    const intptr_t stop = (g + 1) * w->group_size < last ? (g + 1) * w->group_size : last;
    const intptr_t place = ctk_group_place(w, row, g);
    uint16_t half;
    memcpy(&half, w->scales + place * 2, 2);
    dequantize(
        codes + c, stop - c, ctk_zero(w, place), ctk_half_to_float(half) * factor,
        out + (c - first));
    c = stop;
  }
}

/// Sets masked-out columns of first..<last to 0; `words` start at the block that contains `first`.
CTK_INLINE void clear_masked(const uint64_t *words, intptr_t first, intptr_t last, float *out) {
  const m16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
  words -= first / 64;
  for (intptr_t c = first; c < last; c += 16, out += 16) {
    uint64_t word = words[c / 64] >> (c % 64);
    if (c % 64 > 48 && (c / 64 + 1) * 64 < last) word |= words[c / 64 + 1] << (64 - c % 64);
    const m16 kept = (((int32_t)(word & 0xffff) - (m16){}) & bit) != 0;
    if (last - c >= 16)
      v16_store(out, (v16)((m16)v16_load(out) & kept));
    else
      v16_store_part(out, (v16)((m16)v16_load_part(out, last - c, 0) & kept), last - c);
  }
}

/// Decodes columns first..<last of one row, which span at most `blocks_at_once` blocks. `survivor`
/// is the index of the first survivor in these blocks if the matrix is sparse; returns the index
/// after their last one.
CTK_INLINE int64_t unpack_blocks(
    const struct ctk_packed *w, intptr_t row, intptr_t first, intptr_t last, int64_t survivor,
    float *out) {
  uint8_t codes[64 * (blocks_at_once + 1)], kept[64 * (blocks_at_once + 3)];
  uint64_t words[blocks_at_once];
  const intptr_t block = first / 64, count = (last + 63) / 64 - block, size = 8 * w->bits;
  const int sparse = ctk_is_sparse(w);
  if (sparse) {
    ctk_mask_words(w, row, block, block + count, words);
    int64_t end = survivor;
    for (intptr_t b = 0; b < count; b++) end += __builtin_popcountll(words[b]);
    blocks_of_codes(
        w->codes + survivor / 64 * size, (end + 63) / 64 - survivor / 64, w->bits, kept);
    ctk_spread_codes(words, count, kept + survivor % 64, codes);
    survivor = end;
  } else {
    const intptr_t blocks = (w->columns + 63) / 64;
    blocks_of_codes(w->codes + (row * blocks + block) * size, count, w->bits, codes);
  }
  dequantize_row(w, row, first, last, codes, out);
  if (sparse) clear_masked(words, first, last, out);
  return survivor;
}

CTK_INLINE void unpack_row(
    const struct ctk_packed *w, intptr_t row, intptr_t first, intptr_t last, float *out) {
  int64_t survivor = ctk_is_sparse(w) ? ctk_survivors_before(w, row, first / 64) : 0;
  while (first < last) {
    const intptr_t end = (first / 64 + blocks_at_once) * 64, stop = end < last ? end : last;
    survivor = unpack_blocks(w, row, first, stop, survivor, out);
    out += stop - first;
    first = stop;
  }
}

/// Decodes rows `row`..<`end` of one tile.
CTK_INLINE void unpack_tile(
    const struct ctk_packed *w, intptr_t row, intptr_t end, intptr_t first, intptr_t last,
    float *out, intptr_t stride) {
  uint8_t codes[ctk_tile_rows * ctk_tile_stride];
  const intptr_t tile = row / ctk_tile_rows;
  int64_t survivor = ctk_tile_start(w, tile, first / 64);
  while (first < last) {
    const intptr_t block = first / 64, whole = (last + 63) / 64;
    const intptr_t next = block + ctk_tile_blocks < whole ? block + ctk_tile_blocks : whole;
    const intptr_t stop = 64 * next < last ? 64 * next : last;
    survivor = ctk_tile_codes(w, tile, block, next, survivor, codes);
    for (intptr_t r = row; r < end; r++)
      dequantize_row(
          w, r, first, stop, codes + r % ctk_tile_rows * ctk_tile_stride, out + (r - row) * stride);
    out += stop - first;
    first = stop;
  }
}

CTK_INLINE void body_of_ctk_unpack_rows(
    const struct ctk_packed *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
    float *out, intptr_t stride) {
  const intptr_t end = row + count;
  while (row < end) {
    const intptr_t tile_end = (row / ctk_tile_rows + 1) * ctk_tile_rows;
    const intptr_t next = !w->interleaved ? row + 1 : tile_end < end ? tile_end : end;
    if (w->interleaved)
      unpack_tile(w, row, next, first, last, out, stride);
    else
      unpack_row(w, row, first, last, out);
    out += (next - row) * stride;
    row = next;
  }
}
CTK_KERNEL(
    ctk_unpack_rows,
    (const struct ctk_packed *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
     float *out, intptr_t stride),
    (w, row, count, first, last, out, stride))

void ctk_unpack_planar(
    const struct ctk_packed *w, intptr_t first, intptr_t last, float *out, intptr_t stride) {
  ctk_unpack_rows(w, first, last - first, 0, w->columns, out, stride);
}

void ctk_unpack_planar_ref(
    const struct ctk_packed *w, intptr_t first, intptr_t last, float *out, intptr_t stride) {
  for (intptr_t row = first; row < last; row++)
    for (intptr_t c = 0; c < w->columns; c++)
      out[(row - first) * stride + c] = ctk_single_weight(w, row, c);
}

CTK_INLINE void body_of_ctk_widen_bf16(const uint8_t *in, float *out, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) {
    uint16_t half;
    memcpy(&half, in + 2 * i, 2);
    const uint32_t bits = (uint32_t)half << 16;
    memcpy(out + i, &bits, 4);
  }
}
CTK_KERNEL(ctk_widen_bf16, (const uint8_t *in, float *out, intptr_t n), (in, out, n))

void ctk_widen_bf16_ref(const uint8_t *in, float *out, intptr_t n) {
  for (intptr_t i = 0; i < n; i++) {
    const uint32_t bits = (uint32_t)(in[2 * i] | in[2 * i + 1] << 8) << 16;
    memcpy(out + i, &bits, 4);
  }
}

CTK_INLINE void body_of_ctk_widen_f16(const uint8_t *in, float *out, intptr_t n) {
  // ctk_half_to_float in sixteen lanes without branches.
  typedef uint16_t h16 __attribute__((vector_size(32)));
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) {
    h16 h;
    memcpy(&h, in + 2 * i, 32);
    const m16 all = __builtin_convertvector(h, m16);
    const m16 bits = (all & 0x7fff) << 13;
    const m16 special = bits >= 0x0f800000, small = bits < 0x00800000;
    const v16 steps = __builtin_convertvector(bits >> 13, v16) * v16_all(0x1p-24f);
    m16 f = bits + 0x38000000 + (special & 0x38000000);
    f = (f & ~small) | ((m16)steps & small) | (all & 0x8000) << 16;
    v16_store(out + i, (v16)f);
  }
  for (; i < n; i++) {
    uint16_t half;
    memcpy(&half, in + 2 * i, 2);
    out[i] = ctk_half_to_float(half);
  }
}
CTK_KERNEL(ctk_widen_f16, (const uint8_t *in, float *out, intptr_t n), (in, out, n))

void ctk_widen_f16_ref(const uint8_t *in, float *out, intptr_t n) {
  for (intptr_t i = 0; i < n; i++)
    out[i] = ctk_half_to_float((uint16_t)(in[2 * i] | in[2 * i + 1] << 8));
}
