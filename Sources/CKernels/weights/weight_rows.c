// Decoding of rows of a stored weight matrix to bfloat16. Codes of up to four bits have at most
// sixteen values within a group, which are computed and rounded once and then looked up.
#include "weight_rows.h"

#include <math.h>

#include "bf16.h"
#include "half.h"
#include "row_tiles.h"
#include "single_weight.h"
#include "vectors.h"

#if defined(__x86_64__)

CTK_BF16 static inline __m512i narrow(__m512 low, __m512 high) {
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

CTK_BF16 static void row_of_floats(const float *in, intptr_t n, uint16_t *out) {
  intptr_t i = 0;
  for (; i + 32 <= n; i += 32)
    _mm512_storeu_si512(out + i, narrow(_mm512_loadu_ps(in + i), _mm512_loadu_ps(in + i + 16)));
  for (; i < (n + 63) / 64 * 64; i += 32) {
    const intptr_t rest = n > i ? n - i : 0;
    const __mmask32 kept = rest >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << rest) - 1;
    _mm512_storeu_si512(
        out + i, narrow(_mm512_maskz_loadu_ps((__mmask16)kept, in + i),
                        _mm512_maskz_loadu_ps((__mmask16)(kept >> 16), in + i + 16)));
  }
}

CTK_BF16 static void row_of_halves(const uint8_t *in, intptr_t n, int widen, uint16_t *out) {
  for (intptr_t i = 0; i < (n + 63) / 64 * 64; i += 32) {
    const intptr_t rest = n > i ? n - i : 0;
    const __mmask32 kept = rest >= 32 ? ~(__mmask32)0 : ((__mmask32)1 << rest) - 1;
    __m512i v = _mm512_maskz_loadu_epi16(kept, in + 2 * i);
    if (widen)
      v = narrow(_mm512_cvtph_ps(_mm512_castsi512_si256(v)),
                 _mm512_cvtph_ps(_mm512_extracti64x4_epi64(v, 1)));
    _mm512_storeu_si512(out + i, v);
  }
}

/// The lookup table of a group: the rounded values of the codes 0 … 15, repeated twice.
CTK_BF16 static inline __m512i values_of_codes(float zero, float scale) {
  const __m512 code = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512 value = _mm512_mul_ps(
      _mm512_sub_ps(code, _mm512_set1_ps(zero)), _mm512_set1_ps(scale));
  return _mm512_broadcast_i64x4((__m256i)_mm512_cvtneps_pbh(value));
}

CTK_BF16 static inline __m512i widened(__m256i codes, float zero, float scale) {
  const __m512 z = _mm512_set1_ps(zero), s = _mm512_set1_ps(scale);
  const __m512 a = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_castsi256_si128(codes)));
  const __m512 b = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm256_extracti128_si256(codes, 1)));
  return narrow(
      _mm512_mul_ps(_mm512_sub_ps(a, z), s), _mm512_mul_ps(_mm512_sub_ps(b, z), s));
}

/// Converts 64 codes of one group.
CTK_BF16 static inline void one_group(
    __m512i codes, int bits, float zero, float scale, __m512i table, uint64_t kept,
    uint16_t *out) {
  const __m256i low = _mm512_castsi512_si256(codes), high = _mm512_extracti64x4_epi64(codes, 1);
  const __mmask32 kept_low = (__mmask32)kept, kept_high = (__mmask32)(kept >> 32);
  if (bits == 8) {
    _mm512_storeu_si512(out, _mm512_maskz_mov_epi16(kept_low, widened(low, zero, scale)));
    _mm512_storeu_si512(out + 32, _mm512_maskz_mov_epi16(kept_high, widened(high, zero, scale)));
    return;
  }
  _mm512_storeu_si512(
      out, _mm512_maskz_permutexvar_epi16(kept_low, _mm512_cvtepu8_epi16(low), table));
  _mm512_storeu_si512(
      out + 32, _mm512_maskz_permutexvar_epi16(kept_high, _mm512_cvtepu8_epi16(high), table));
}

/// Converts 64 codes that belong to several groups.
static void many_groups(
    const struct ctk_packed *w, intptr_t row, intptr_t first, intptr_t count, const uint8_t *codes,
    uint64_t kept, uint16_t *out) {
  const intptr_t groups = ctk_groups(w);
  for (intptr_t i = 0; i < 64; i++) {
    if (i >= count || !(kept >> i & 1)) {
      out[i] = 0;
      continue;
    }
    const intptr_t group = row * groups + (first + i) / w->group_size;
    out[i] = ctk_float_to_bf16(((float)codes[i] - ctk_zero(w, group)) * ctk_scale(w, group));
  }
}

/// Unpacks the survivors of blocks first..<last of a sparse row to `scratch`; returns a pointer to
/// the first one. At least 64 bytes are readable from each survivor on.
CTK_AVX512_VNNI static const uint8_t *survivors_of(
    const struct ctk_packed *w, intptr_t row, intptr_t first, intptr_t last, uint8_t *scratch) {
  int64_t start = ctk_row_start(w, row), end = start;
  for (intptr_t b = 0; b < first; b++)
    start += __builtin_popcountll(ctk_mask_word_avx512(w, row, b));
  if (64 * last >= w->columns) {
    end = w->mask ? w->row_starts[row + 1] : end + ctk_kept_per_row(w);
  } else {
    end = start;
    for (intptr_t b = first; b < last; b++)
      end += __builtin_popcountll(ctk_mask_word_avx512(w, row, b));
  }
  const int64_t block = start / 64;
  ctk_unpack_blocks_avx512(
      w->codes + block * 8 * w->bits, (end + 63) / 64 - block, w->bits, scratch);
  return scratch + (start - 64 * block);
}

CTK_BF16 static void packed_row(
    const struct ctk_packed *w, intptr_t row, intptr_t first, intptr_t last, uint16_t *out,
    uint8_t *scratch) {
  const intptr_t blocks = (w->columns + 63) / 64, size = 8 * w->bits, groups = ctk_groups(w);
  const uint8_t *survivors = 0;
  if (ctk_is_sparse(w)) survivors = survivors_of(w, row, first / 64, (last + 63) / 64, scratch);
  intptr_t known = -1;
  float zero = 0, scale = 0;
  __m512i table = _mm512_setzero_si512();
  for (intptr_t c = first; c < last; c += 64, out += 64) {
    const intptr_t count = w->columns - c < 64 ? w->columns - c : 64;
    uint64_t kept = count < 64 ? ((uint64_t)1 << count) - 1 : ~(uint64_t)0;
    __m512i codes;
    if (ctk_is_sparse(w)) {
      kept = ctk_mask_word_avx512(w, row, c / 64);
      codes = _mm512_maskz_expand_epi8(kept, _mm512_loadu_si512(survivors));
      survivors += __builtin_popcountll(kept);
    } else {
      codes = ctk_codes64(w->codes + (row * blocks + c / 64) * size, w->bits);
    }
    const intptr_t group = c / w->group_size;
    if ((c + count - 1) / w->group_size != group) {
      uint8_t bytes[64];
      _mm512_storeu_si512(bytes, codes);
      many_groups(w, row, c, count, bytes, kept, out);
      continue;
    }
    if (group != known) {
      known = group;
      zero = ctk_zero(w, row * groups + group);
      scale = ctk_scale(w, row * groups + group);
      if (w->bits < 8) table = values_of_codes(zero, scale);
    }
    one_group(codes, w->bits, zero, scale, table, kept, out);
  }
}

/// Decodes rows `row`..<`end` of one tile.
CTK_BF16 static void packed_tile(
    const struct ctk_packed *w, intptr_t row, intptr_t end, intptr_t first, intptr_t last,
    uint16_t *out, intptr_t stride) {
  uint8_t codes[ctk_tile_rows * ctk_tile_stride];
  const intptr_t tile = row / ctk_tile_rows, whole = (last + 63) / 64;
  int64_t survivor = ctk_tile_start(w, tile, first / 64);
  for (intptr_t block = first / 64; block < whole; block += ctk_tile_blocks) {
    const intptr_t rest = whole - block, count = rest < ctk_tile_blocks ? rest : ctk_tile_blocks;
    survivor = ctk_tile_codes(w, tile, block, block + count, survivor, codes);
    for (intptr_t r = row; r < end; r++) {
      const uint8_t *in = codes + r % ctk_tile_rows * ctk_tile_stride;
      uint16_t *to = out + (r - row) * stride + 64 * block - first;
      intptr_t known = -1;
      float zero = 0, scale = 0;
      __m512i table = _mm512_setzero_si512();
      for (intptr_t b = block; b < block + count; b++, in += 64, to += 64) {
        const intptr_t group = 64 * b / w->group_size;
        if (group != known) {
          known = group;
          zero = ctk_zero(w, ctk_group_place(w, r, group));
          scale = ctk_scale(w, ctk_group_place(w, r, group));
          if (w->bits < 8) table = values_of_codes(zero, scale);
        }
        // Masked-out weights have the zero point for a code, which decodes to 0.
        one_group(_mm512_loadu_si512(in), w->bits, zero, scale, table, ~(uint64_t)0, to);
      }
    }
  }
}

static void row_bf16(
    const struct ctk_weight *w, intptr_t row, intptr_t first, intptr_t last, uint16_t *out,
    uint8_t *scratch) {
  const intptr_t place = row * w->columns + first;
  if (w->kind == ctk_weight_packed)
    packed_row(w->packed, row, first, last, out, scratch);
  else if (w->kind == ctk_weight_f32)
    row_of_floats((const float *)(const void *)w->values + place, last - first, out);
  else
    row_of_halves(w->values + 2 * place, last - first, w->kind == ctk_weight_f16, out);
}

void ctk_rows_bf16(
    const struct ctk_weight *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
    uint16_t *out, intptr_t stride, uint8_t *scratch) {
  const int interleaved = w->kind == ctk_weight_packed && w->packed->interleaved;
  const intptr_t end = row + count;
  while (row < end) {
    const intptr_t tile_end = (row / ctk_tile_rows + 1) * ctk_tile_rows;
    const intptr_t next = !interleaved ? row + 1 : tile_end < end ? tile_end : end;
    if (interleaved)
      packed_tile(w->packed, row, next, first, last, out, stride);
    else
      row_bf16(w, row, first, last, out, scratch);
    out += (next - row) * stride;
    row = next;
  }
}

#else
void ctk_rows_bf16(
    const struct ctk_weight *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
    uint16_t *out, intptr_t stride, uint8_t *scratch) {
  for (intptr_t i = 0; i < count; i++)
    ctk_row_bf16_ref(w, row + i, first, last, out + i * stride, scratch);
}
#endif

static float stored_value(const struct ctk_weight *w, intptr_t index) {
  if (w->kind == ctk_weight_f32) {
    float f;
    memcpy(&f, w->values + 4 * index, 4);
    return f;
  }
  uint16_t half;
  memcpy(&half, w->values + 2 * index, 2);
  return w->kind == ctk_weight_f16 ? ctk_half_to_float(half) : ctk_bf16_to_float(half);
}

void ctk_row_bf16_ref(
    const struct ctk_weight *w, intptr_t row, intptr_t first, intptr_t last, uint16_t *out,
    uint8_t *scratch) {
  (void)scratch;
  for (intptr_t c = first; c < first + (last - first + 63) / 64 * 64; c++) {
    const float value = c >= last ? 0
                        : w->kind == ctk_weight_packed
                            ? ctk_single_weight(w->packed, row, c)
                            : stored_value(w, row * w->columns + c);
    out[c - first] = ctk_float_to_bf16(value);
  }
}
