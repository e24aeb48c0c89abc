// The loops of few_rows.c for sparse weights whose rows are interleaved. A register holds four columns of
// sixteen rows, each row in a lane of its own, and is multiplied with four inputs that are the same for all
// of them: nothing has to be done for a row alone but to put its codes where its mask has ones.
#pragma once
#include "few_tiles.h"

#if defined(__x86_64__)

/// The sums of one run, before they are scaled.
struct ctk_tile_sums {
  __m512i high[ctk_few_rows], low[ctk_few_rows];
};

/// Adds w·x for the columns 4·q … 4·q + 3 of a run; `count` is a constant.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_add_four(
    struct ctk_tile_sums *sums, __m512i w, const int8_t *values, intptr_t stride, const int count) {
#pragma clang loop unroll(full)
  for (int j = 0; j < count; j++) {
    int32_t high, low;
    memcpy(&high, values + j * stride, 4);
    memcpy(&low, values + j * stride + 64, 4);
    sums->high[j] = _mm512_dpbusd_epi32(sums->high[j], w, _mm512_set1_epi32(high));
    sums->low[j] = _mm512_dpbusd_epi32(sums->low[j], w, _mm512_set1_epi32(low));
  }
}

/// One run of a masked tile; a block of codes further on is decoded beside each two registers where `decode`
/// says so, a constant, as `bits` and `count` are.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_add_masked_run(
    struct ctk_tile *t, struct ctk_code_stream *s, __m512i zero, const int8_t *values,
    intptr_t stride, const int decode, const int bits, const int count,
    struct ctk_tile_sums sums[2]) {
  _mm_prefetch((const char *)t->words + ctk_codes_ahead, _MM_HINT_T1);
  _mm_prefetch((const char *)t->words + ctk_codes_ahead + 64, _MM_HINT_T1);
  uint8_t *place = decode ? ctk_next_blocks(s, ctk_ring_step, bits) : 0;
#pragma clang loop unroll(full)
  for (int q = 0; q < 16; q++) {
    // A line of the caches holds two blocks of four bits.
    if (decode && q % (bits == 8 ? 2 : 4) == 0)
      _mm_prefetch((const char *)s->in + ctk_codes_ahead, _MM_HINT_T1);
    if (decode && q % 2 == 0) ctk_decode_next(s, place + 32 * q, bits);
    const uint64_t kept = t->words[q];
    __m512i some = _mm512_loadu_si512(s->ring + s->read % ctk_ring);
    // Out of a register; some processors are slow at expanding from memory.
    __asm__("" : "+v"(some));
    s->read += __builtin_popcountll(kept);
    __m512i w = _mm512_mask_expand_epi8(zero, kept, some);
    __asm__("" : "+v"(w));
    ctk_add_four(&sums[q % 2], w, values + 4 * q, stride, count);
  }
  t->words += 16;
}

/// One run of a tile of 2:4 sparsity.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_add_pairs_run(
    struct ctk_tile *t, __m512i sources, __m512i zero, const int8_t *values, intptr_t stride,
    const int bits, const int count, struct ctk_tile_sums sums[2]) {
  _mm_prefetch((const char *)t->ranks + ctk_codes_ahead / 2, _MM_HINT_T1);
  _mm_prefetch((const char *)t->ranks + ctk_codes_ahead / 2 + 64, _MM_HINT_T1);
#pragma clang loop unroll(full)
  for (int q = 0; q < 16; q += 2) {
    __m512i w[2];
    if (bits == 8 || q % 4 == 0)
      _mm_prefetch((const char *)t->codes + ctk_codes_ahead, _MM_HINT_T1);
    ctk_spread_ranks(ctk_codes64(t->codes, bits), t->ranks, sources, zero, w);
    t->codes += 8 * bits;
    t->ranks += 12;
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++) {
      __asm__("" : "+v"(w[i]));
      ctk_add_four(&sums[i], w[i], values + 4 * (q + i), stride, count);
    }
  }
}

/// Results of one tile, a row to a lane: y[inputs]. `pairs`, `bits` and `count` are constants.
CTK_BF16 static inline __attribute__((always_inline)) void ctk_multiply_tile(
    const struct ctk_tile_product *p, const struct ctk_tile *tile, struct ctk_code_stream *stream,
    const int pairs, const int bits, const int count, __m512 y[]) {
  struct ctk_tile t = *tile;
  struct ctk_code_stream s = *stream;
  const intptr_t runs = p->runs, stride = 128 * runs;
  const int8_t *values = p->x->values;
  const __m512i sources = _mm512_loadu_si512(p->sources);
  // Each lane's byte four times.
  const __m512i four = _mm512_broadcast_i32x4(
      _mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
  __m512 scale = _mm512_setzero_ps(), share[ctk_few_rows];
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
      _mm_prefetch((const char *)halves + ctk_codes_ahead / 4, _MM_HINT_T1);
      scale = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)halves));
#pragma clang loop unroll(full)
      for (int j = 0; j < count; j++)
        share[j] = _mm512_mul_ps(offset, _mm512_set1_ps(-p->x->group_sums[j * p->groups + group]));
      // Where a group's two codes would be looked up, in either half; or in each of a row's bytes.
      zero = pairs ? _mm512_broadcast_i64x4(_mm256_cvtepu8_epi16(bytes))
                   : _mm512_shuffle_epi8(zeros, four);
      left = p->per_group;
      group++;
    }
    left--;
    // Two chains, so that one sum needn't wait for the one before.
    struct ctk_tile_sums sums[2];
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++)
#pragma clang loop unroll(full)
      for (int j = 0; j < count; j++) sums[i].high[j] = sums[i].low[j] = _mm512_setzero_si512();
    if (pairs) {
      ctk_add_pairs_run(&t, sources, zero, values, stride, bits, count, sums);
    } else {
      ctk_fill_ring(&s, bits);
      // As long as there is room.
      if (s.blocks >= ctk_ring_step && s.written + 64 * (ctk_ring_step + 1) <= s.read + ctk_ring)
        ctk_add_masked_run(&t, &s, zero, values, stride, 1, bits, count, sums);
      else
        ctk_add_masked_run(&t, &s, zero, values, stride, 0, bits, count, sums);
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

typedef void (*ctk_tile_loop)(
    const struct ctk_tile_product *p, const struct ctk_tile *tile, struct ctk_code_stream *stream,
    __m512 y[]);

#define CTK_TILE_CASES(name, pairs, bits)                                             \
  CTK_BF16 static void name(                                                          \
      const struct ctk_tile_product *p, const struct ctk_tile *tile,                  \
      struct ctk_code_stream *stream, __m512 y[]) {                                   \
    switch (p->x->rows) {                                                             \
      case 1: ctk_multiply_tile(p, tile, stream, pairs, bits, 1, y); break;           \
      case 2: ctk_multiply_tile(p, tile, stream, pairs, bits, 2, y); break;           \
      case 3: ctk_multiply_tile(p, tile, stream, pairs, bits, 3, y); break;           \
      default: ctk_multiply_tile(p, tile, stream, pairs, bits, 4, y);                 \
    }                                                                                 \
  }
CTK_TILE_CASES(ctk_tile_masked_2, 0, 2)
CTK_TILE_CASES(ctk_tile_masked_3, 0, 3)
CTK_TILE_CASES(ctk_tile_masked_4, 0, 4)
CTK_TILE_CASES(ctk_tile_masked_8, 0, 8)
CTK_TILE_CASES(ctk_tile_pairs_2, 1, 2)
CTK_TILE_CASES(ctk_tile_pairs_3, 1, 3)
CTK_TILE_CASES(ctk_tile_pairs_4, 1, 4)
CTK_TILE_CASES(ctk_tile_pairs_8, 1, 8)

static inline ctk_tile_loop ctk_tile_loop_for(const struct ctk_packed *w, int pairs) {
  switch (w->bits) {
    case 2: return pairs ? ctk_tile_pairs_2 : ctk_tile_masked_2;
    case 3: return pairs ? ctk_tile_pairs_3 : ctk_tile_masked_3;
    case 4: return pairs ? ctk_tile_pairs_4 : ctk_tile_masked_4;
    default: return pairs ? ctk_tile_pairs_8 : ctk_tile_masked_8;
  }
}

/// Rows first..<last of interleaved weights; those of a tile that it shares with others are computed and
/// left out.
CTK_BF16 static void multiply_tiles(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_few_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  const struct ctk_tile_product p = ctk_tile_product(w, x, scratch);
  const struct ctk_packed tiles = ctk_tiles(w);
  const int pairs = ctk_has_pairs(w);
  const ctk_tile_loop loop = ctk_tile_loop_for(w, pairs);
  const intptr_t begin = first / ctk_tile_rows, end = (last + ctk_tile_rows - 1) / ctk_tile_rows;
  struct ctk_code_stream stream = {0};
  if (!pairs) stream = codes_of_tiles(&tiles, begin, end, p.ring);
  for (intptr_t tile = begin; tile < end; tile++) {
    struct ctk_tile t = {
        .zeros = zeros_of_tile(&p, tile), .scales = w->scales + 32 * tile * p.groups};
    if (pairs) {
      t.codes = w->codes + 4 * w->bits * tile * 16 * p.runs;
      t.ranks = w->ranks + 6 * tile * 16 * p.runs;
    } else {
      t.words = mask_words(&tiles, tile, p.words);
    }
    __m512 sums[ctk_few_rows];
    loop(&p, &t, &stream, sums);
    const intptr_t top = tile * ctk_tile_rows;
    const uint32_t from = first > top ? (uint32_t)(first - top) : 0;
    const uint32_t to = last - top < ctk_tile_rows ? (uint32_t)(last - top) : ctk_tile_rows;
    const __mmask16 rows = (__mmask16)((1u << to) - (1u << from));
    for (intptr_t j = 0; j < x->rows; j++) _mm512_mask_storeu_ps(y + j * ldy + top, rows, sums[j]);
  }
}
#endif
