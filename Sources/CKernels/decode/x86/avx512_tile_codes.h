// Loading of the weights of interleaved tiles into AVX-512 registers, masked ones through a ring of
// codes and 2:4 sparse ones by a byte permutation, and the workspace for it.
#pragma once
#include <immintrin.h>
#include <string.h>

#include "decode_kernels.h"
#include "planar_codes.h"
#include "targets.h"

// ---- Masked tiles ----

enum {
  avx512_ring_size = 4096,  // codes
  avx512_ring_step = 8,     // blocks that are unpacked at a time: what a run takes at 50 % density
  // Codes that one run can take at most, and the vector that is read past them.
  avx512_run_reach = 64 * ctk_tile_rows + 64,
};

/// The survivors' codes of a product's masked tiles as one stream, from row to row and from tile to
/// tile. They are unpacked to a ring of bytes that stays in the L1 cache, some runs before they are
/// read. Reading them at once would cost store-forwarding stalls, since a load at any alignment
/// spans two recent stores.
struct avx512_code_stream {
  const uint8_t *in;  // the next packed block
  intptr_t blocks;    // from there to the end
  uint8_t *ring;      // its first 64 bytes are repeated after its end, so that a load needn't wrap
  uintptr_t written, read;  // codes, counted from the first block
};

struct avx512_tile_workspace {
  uint8_t *ring;    // avx512_ring_size and a vector
  uint8_t *zeros;   // [groups, 16] of a tile, in blocks that it may share with its neighbours
  uint64_t *words;  // [16·runs]: masks of a tile
  intptr_t zero_bytes;
};

/// Lays out the workspace of a product with tiles in memory.
static inline struct avx512_tile_workspace avx512_tile_workspace(
    const struct ctk_packed *w, struct ctk_arena *arena) {
  struct avx512_tile_workspace s;
  s.zero_bytes = ctk_tile_rows * ctk_groups(w) + 3 * 64;
  s.ring = ctk_arena_take(arena, avx512_ring_size + 64);
  s.zeros = ctk_arena_take(arena, s.zero_bytes);
  s.words = ctk_arena_take(arena, ctk_tile_rows * 8 * ctk_runs(w->columns));
  return s;
}

/// Unpacks the next block to `place` in the ring; `bits` is a constant.
CTK_AVX512_VNNI_INLINE void avx512_unpack_to_ring(
    struct avx512_code_stream *s, uint8_t *place, const int bits) {
  _mm512_storeu_si512(place, ctk_codes64(s->in, bits));
  s->in += 8 * bits;
}

/// Reserves the ring's place for the next `count` blocks, at most avx512_ring_step, which the
/// caller then unpacks.
CTK_AVX512_VNNI_INLINE uint8_t *avx512_next_blocks(
    struct avx512_code_stream *s, intptr_t count, const int bits) {
  uint8_t *place = s->ring + s->written % avx512_ring_size;
  if (place == s->ring) _mm512_storeu_si512(place + avx512_ring_size, ctk_codes64(s->in, bits));
  s->blocks -= count;
  s->written += 64 * (uintptr_t)count;
  return place;
}

/// Unpacks until a whole run can be read.
CTK_AVX512_VNNI_INLINE void avx512_fill_ring(struct avx512_code_stream *s, const int bits) {
  while (s->blocks > 0 && s->written < s->read + avx512_run_reach) {
    const intptr_t count = s->blocks < avx512_ring_step ? s->blocks : avx512_ring_step;
    uint8_t *place = avx512_next_blocks(s, count, bits);
    for (intptr_t i = 0; i < count; i++) {
      _mm_prefetch((const char *)s->in + ctk_prefetch_distance, _MM_HINT_T1);
      avx512_unpack_to_ring(s, place + 64 * i, bits);
    }
  }
}

/// Starts the stream of codes of masked tiles begin..<end; `tiles` is a result of ctk_tiles().
CTK_AVX512_VNNI static struct avx512_code_stream avx512_stream_of_tiles(
    const struct ctk_packed *tiles, intptr_t begin, intptr_t end, uint8_t *ring) {
  const int64_t start = ctk_row_start(tiles, begin), stop = ctk_row_start(tiles, end);
  const int64_t block = start / 64;
  return (struct avx512_code_stream){
      .in = tiles->codes + block * 8 * tiles->bits, .blocks = (stop + 63) / 64 - block,
      .ring = ring, .read = start - 64 * block};
}

// ---- 2:4 sparse tiles ----

/// For each rank of 2 of 4, four bytes: the column's source, which is the group's first code (0),
/// its second (1) or (64) the zero point.
CTK_AVX512_VNNI static inline __m512i avx512_pair_sources(void) {
  uint8_t bytes[64];
  for (int r = 0; r < 16; r++)  // the fourth bit belongs to the next rank
    for (int p = 0, next = 0; p < 4; p++)
      bytes[4 * r + p] = ctk_two_of_four[r & 7] >> p & 1 ? (uint8_t)next++ : 64;
  return _mm512_loadu_si512(bytes);
}

/// A block of 64 codes as two registers of 64 weights, by its 32 ranks (twelve bytes). A masked-out
/// weight gets the byte of `zero` at the index, within the block, of its group's first code.
CTK_AVX512_VNNI_INLINE void avx512_spread_pairs(
    __m512i block, const uint8_t *ranks, __m512i sources, __m512i zero, __m512i w[2]) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  // Lane i: the bit at which the rank of its group starts, and the first of the group's two codes.
  const __m512i place = _mm512_mullo_epi32(lane, _mm512_set1_epi32(0x03030303));
  const __m512i code = _mm512_mullo_epi32(lane, _mm512_set1_epi32(0x02020202));
  uint64_t half[2];
  memcpy(&half[0], ranks, 8);
  memcpy(&half[1], ranks + 4, 8);  // its ranks start 16 bits later
#pragma clang loop unroll(full)
  for (int i = 0; i < 2; i++) {
    const __m512i start = _mm512_add_epi8(place, _mm512_set1_epi8((char)(16 * i)));
    const __m512i rank = _mm512_multishift_epi64_epi8(start, _mm512_set1_epi64((long long)half[i]));
    const __m512i from = _mm512_add_epi8(
        _mm512_add_epi8(code, _mm512_set1_epi8((char)(32 * i))),
        _mm512_permutexvar_epi32(rank, sources));
    w[i] = _mm512_permutex2var_epi8(block, from, zero);
  }
}

/// Whether the weights are 2:4 sparse.
static inline int avx512_has_pairs(const struct ctk_packed *w) {
  return w->ranks && w->kept == 2 && w->of == 4;
}
