// The decode product over interleaved tiles of sparse weights with AVX-512 VBMI2 and VNNI. A
// register holds four columns of sixteen rows, one row per 32-bit lane, and is multiplied with four
// inputs that are the same in all lanes. The only work per row is to expand its codes by its mask.
#if defined(__x86_64__)
#include "avx512_tile_codes.h"

/// State shared by the tiles of one product.
struct avx512_tile_product {
  const struct ctk_packed *w;
  const struct ctk_decode_inputs *x;
  intptr_t runs, groups, per_group;  // runs in a group
  struct avx512_tile_workspace space;
  uint8_t sources[64];  // 2:4: avx512_pair_sources()
};

/// A tile of weights in the format that the loops read.
struct avx512_tile {
  const uint8_t *codes;   // 2:4; masked tiles have theirs in a stream
  const uint64_t *words;  // masked
  const uint8_t *ranks;   // 2:4: twelve bytes for two registers
  const uint8_t *zeros;   // [groups, 16]
  const uint8_t *scales;  // float16, [groups, 16]
};

/// Sums of one run per row of inputs, with their high and their low bytes, before scaling.
struct avx512_tile_sums {
  __m512i high[ctk_decode_pass_rows], low[ctk_decode_pass_rows];
};

/// Adds w·x for four columns of sixteen rows; `count`, the rows of inputs, is a constant.
CTK_AVX512_VNNI_INLINE void avx512_add_four(
    struct avx512_tile_sums *sums, __m512i w, const int8_t *values, intptr_t stride,
    const int count) {
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) {
    int32_t high, low;
    memcpy(&high, values + j * stride, 4);
    memcpy(&low, values + j * stride + 64, 4);
    sums->high[j] = _mm512_dpbusd_epi32(sums->high[j], w, _mm512_set1_epi32(high));
    sums->low[j] = _mm512_dpbusd_epi32(sums->low[j], w, _mm512_set1_epi32(low));
  }
}

/// Adds one run of a masked tile; with `unpack` it also unpacks one block of the stream per two
/// registers. `unpack`, `bits` and `count` are constants.
CTK_AVX512_VNNI_INLINE void avx512_add_masked_tile_run(
    struct avx512_tile *t, struct avx512_code_stream *s, __m512i zero, const int8_t *values,
    intptr_t stride, const int unpack, const int bits, const int count,
    struct avx512_tile_sums sums[2]) {
  _mm_prefetch((const char *)t->words + ctk_prefetch_distance, _MM_HINT_T1);
  _mm_prefetch((const char *)t->words + ctk_prefetch_distance + 64, _MM_HINT_T1);
  uint8_t *place = unpack ? avx512_next_blocks(s, avx512_ring_step, bits) : 0;
#pragma clang loop unroll(full)
  for (int q = 0; q < 16; q++) {
    // A cache line holds two blocks of four bits.
    if (unpack && q % (bits == 8 ? 2 : 4) == 0)
      _mm_prefetch((const char *)s->in + ctk_prefetch_distance, _MM_HINT_T1);
    if (unpack && q % 2 == 0) avx512_unpack_to_ring(s, place + 32 * q, bits);
    const uint64_t kept = t->words[q];
    __m512i some = _mm512_loadu_si512(s->ring + s->read % avx512_ring_size);
    // Keeps the operand in a register: VPEXPANDB from memory is slow on some processors.
    __asm__("" : "+v"(some));
    s->read += __builtin_popcountll(kept);
    __m512i w = _mm512_mask_expand_epi8(zero, kept, some);
    __asm__("" : "+v"(w));
    avx512_add_four(&sums[q % 2], w, values + 4 * q, stride, count);
  }
  t->words += 16;
}

/// Adds one run of a 2:4 sparse tile; `bits` and `count` are constants.
CTK_AVX512_VNNI_INLINE void avx512_add_pairs_run(
    struct avx512_tile *t, __m512i sources, __m512i zero, const int8_t *values, intptr_t stride,
    const int bits, const int count, struct avx512_tile_sums sums[2]) {
  _mm_prefetch((const char *)t->ranks + ctk_prefetch_distance / 2, _MM_HINT_T1);
  _mm_prefetch((const char *)t->ranks + ctk_prefetch_distance / 2 + 64, _MM_HINT_T1);
#pragma clang loop unroll(full)
  for (int q = 0; q < 16; q += 2) {
    __m512i w[2];
    if (bits == 8 || q % 4 == 0)
      _mm_prefetch((const char *)t->codes + ctk_prefetch_distance, _MM_HINT_T1);
    avx512_spread_pairs(ctk_codes64(t->codes, bits), t->ranks, sources, zero, w);
    t->codes += 8 * bits;
    t->ranks += 12;
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++) {
      __asm__("" : "+v"(w[i]));
      avx512_add_four(&sums[i], w[i], values + 4 * (q + i), stride, count);
    }
  }
}

/// Computes the results of one tile, y[inputs], a row per lane. `pairs` (2:4 sparse), `bits` and
/// `count` are constants.
CTK_AVX512_VNNI_INLINE void avx512_multiply_tile(
    const struct avx512_tile_product *p, const struct avx512_tile *tile,
    struct avx512_code_stream *stream, const int pairs, const int bits, const int count, __m512 y[]) {
  struct avx512_tile t = *tile;
  struct avx512_code_stream s = *stream;
  const intptr_t runs = p->runs, stride = 128 * runs;
  const int8_t *values = p->x->values;
  const __m512i sources = _mm512_loadu_si512(p->sources);
  // A shuffle that repeats each lane's lowest byte four times.
  const __m512i four = _mm512_broadcast_i32x4(
      _mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
  __m512 scale = _mm512_setzero_ps(), share[ctk_decode_pass_rows];
  __m512i zero = sources;
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) y[j] = _mm512_setzero_ps();
  intptr_t group = 0, left = 0;
  for (intptr_t b = 0; b < runs; b++, values += 128) {
    if (left == 0) {
      const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(t.zeros + 16 * group));
      const uint8_t *halves = t.scales + 32 * group;
      const __m512i zeros = _mm512_cvtepu8_epi32(bytes);
      const __m512 offset = _mm512_cvtepi32_ps(zeros);
      _mm_prefetch((const char *)halves + ctk_prefetch_distance / 4, _MM_HINT_T1);
      scale = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)halves));
#pragma clang loop unroll(full)
      for (int j = 0; j < count; j++)
        share[j] = _mm512_mul_ps(offset, _mm512_set1_ps(-p->x->group_sums[j * p->groups + group]));
      // For 2:4: at both of a group's places, in either half of a block. For masks: in all of a
      // row's bytes.
      zero = pairs ? _mm512_broadcast_i64x4(_mm256_cvtepu8_epi16(bytes))
                   : _mm512_shuffle_epi8(zeros, four);
      left = p->per_group;
      group++;
    }
    left--;
    // Two accumulators hide the latency of VPDPBUSD.
    struct avx512_tile_sums sums[2];
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++)
#pragma clang loop unroll(full)
      for (int j = 0; j < count; j++) sums[i].high[j] = sums[i].low[j] = _mm512_setzero_si512();
    if (pairs) {
      avx512_add_pairs_run(&t, sources, zero, values, stride, bits, count, sums);
    } else {
      avx512_fill_ring(&s, bits);
      // Unpack within the loop as long as the ring has room.
      if (s.blocks >= avx512_ring_step &&
          s.written + 64 * (avx512_ring_step + 1) <= s.read + avx512_ring_size)
        avx512_add_masked_tile_run(&t, &s, zero, values, stride, 1, bits, count, sums);
      else
        avx512_add_masked_tile_run(&t, &s, zero, values, stride, 0, bits, count, sums);
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < count; j++) {
      const __m512i high = _mm512_add_epi32(sums[0].high[j], sums[1].high[j]);
      const __m512i low = _mm512_add_epi32(sums[0].low[j], sums[1].low[j]);
      const __m512i both = _mm512_add_epi32(_mm512_slli_epi32(high, 8), low);
      const __m512 x_scale = _mm512_set1_ps(p->x->scales[j * runs + b]);
      const __m512 sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(both), x_scale, share[j]);
      share[j] = _mm512_setzero_ps();
      y[j] = _mm512_fmadd_ps(sum, scale, y[j]);
    }
  }
  const __m512 factor = _mm512_set1_ps(ctk_power_of_two(p->w->scale_exponent));
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) y[j] = _mm512_mul_ps(y[j], factor);
  *stream = s;
}

typedef void (*avx512_tile_loop)(
    const struct avx512_tile_product *p, const struct avx512_tile *tile,
    struct avx512_code_stream *stream, __m512 y[]);

#define AVX512_TILE_LOOP(name, pairs, bits)                                       \
  CTK_AVX512_VNNI static void name(                                               \
      const struct avx512_tile_product *p, const struct avx512_tile *tile,        \
      struct avx512_code_stream *stream, __m512 y[]) {                            \
    switch (p->x->rows) {                                                         \
      case 1: avx512_multiply_tile(p, tile, stream, pairs, bits, 1, y); break;    \
      case 2: avx512_multiply_tile(p, tile, stream, pairs, bits, 2, y); break;    \
      case 3: avx512_multiply_tile(p, tile, stream, pairs, bits, 3, y); break;    \
      default: avx512_multiply_tile(p, tile, stream, pairs, bits, 4, y);          \
    }                                                                             \
  }
AVX512_TILE_LOOP(avx512_tile_masked_2, 0, 2)
AVX512_TILE_LOOP(avx512_tile_masked_3, 0, 3)
AVX512_TILE_LOOP(avx512_tile_masked_4, 0, 4)
AVX512_TILE_LOOP(avx512_tile_masked_8, 0, 8)
AVX512_TILE_LOOP(avx512_tile_pairs_2, 1, 2)
AVX512_TILE_LOOP(avx512_tile_pairs_3, 1, 3)
AVX512_TILE_LOOP(avx512_tile_pairs_4, 1, 4)
AVX512_TILE_LOOP(avx512_tile_pairs_8, 1, 8)

static inline avx512_tile_loop avx512_tile_loop_for(const struct ctk_packed *w, int pairs) {
  switch (w->bits) {
    case 2: return pairs ? avx512_tile_pairs_2 : avx512_tile_masked_2;
    case 3: return pairs ? avx512_tile_pairs_3 : avx512_tile_masked_3;
    case 4: return pairs ? avx512_tile_pairs_4 : avx512_tile_masked_4;
    default: return pairs ? avx512_tile_pairs_8 : avx512_tile_masked_8;
  }
}

/// The zero points of a tile, one byte each: [groups, 16].
CTK_AVX512_VNNI static const uint8_t *avx512_tile_zeros(
    const struct avx512_tile_product *p, intptr_t tile) {
  uint8_t *zeros = p->space.zeros;
  const intptr_t count = ctk_tile_rows * p->groups, start = tile * count, block = start / 64;
  if (!p->w->zeros) return zeros;
  const uint8_t *in = p->w->zeros + block * 8 * p->w->bits;
  _mm_prefetch((const char *)in + ctk_prefetch_distance / 8, _MM_HINT_T1);
  ctk_unpack_blocks_avx512(in, (start + count + 63) / 64 - block, p->w->bits, zeros);
  return zeros + (start - 64 * block);
}

/// Computes results of rows first..<last. Tiles are computed whole, and the results of rows outside
/// of this range are discarded.
CTK_AVX512_VNNI static void avx512_multiply_tiles(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_decode_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  struct ctk_arena arena = {.start = scratch};
  struct avx512_tile_product p = {
      .w = w, .x = x, .runs = ctk_runs(w->columns), .groups = ctk_groups(w),
      .per_group = w->group_size / 64, .space = avx512_tile_workspace(w, &arena)};
  _mm512_storeu_si512(p.sources, avx512_pair_sources());
  if (!w->zeros) memset(p.space.zeros, 1 << (w->bits - 1), (size_t)p.space.zero_bytes);
  const struct ctk_packed tiles = ctk_tiles(w);
  const int pairs = avx512_has_pairs(w);
  const avx512_tile_loop loop = avx512_tile_loop_for(w, pairs);
  const intptr_t begin = first / ctk_tile_rows, end = (last + ctk_tile_rows - 1) / ctk_tile_rows;
  struct avx512_code_stream stream = {0};
  if (!pairs) stream = avx512_stream_of_tiles(&tiles, begin, end, p.space.ring);
  for (intptr_t tile = begin; tile < end; tile++) {
    struct avx512_tile t = {
        .zeros = avx512_tile_zeros(&p, tile), .scales = w->scales + 32 * tile * p.groups};
    if (pairs) {
      t.codes = w->codes + 4 * w->bits * tile * 16 * p.runs;
      t.ranks = w->ranks + 6 * tile * 16 * p.runs;
    } else {
      t.words = ctk_mask_words_avx512(&tiles, tile, p.space.words);
    }
    __m512 sums[ctk_decode_pass_rows];
    loop(&p, &t, &stream, sums);
    const intptr_t top = tile * ctk_tile_rows;
    const uint32_t from = first > top ? (uint32_t)(first - top) : 0;
    const uint32_t to = last - top < ctk_tile_rows ? (uint32_t)(last - top) : ctk_tile_rows;
    const __mmask16 rows = (__mmask16)((1u << to) - (1u << from));
    for (intptr_t j = 0; j < x->rows; j++) _mm512_mask_storeu_ps(y + j * ldy + top, rows, sums[j]);
  }
}

static intptr_t avx512_tile_scratch(const struct ctk_packed *w) {
  struct ctk_arena arena = {0};
  avx512_tile_workspace(w, &arena);
  return arena.used;
}

const struct ctk_decode_kernel ctk_avx512_tiles = {avx512_multiply_tiles, avx512_tile_scratch};
#endif
