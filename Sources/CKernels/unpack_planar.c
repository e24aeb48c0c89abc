#include "unpack_planar.h"

#include <math.h>

#include "planar_codes.h"
#include "vectors.h"

typedef uint8_t b16 __attribute__((vector_size(16)));

CTK_INLINE b16 bytes16(const uint8_t *p) {
  b16 v;
  memcpy(&v, p, 16);
  return v;
}

CTK_INLINE void put16(uint8_t *p, b16 v) { memcpy(p, &v, 16); }

/// 64 two-bit codes from 16 bytes.
CTK_INLINE void two_bits(const uint8_t *in, uint8_t *out) {
  const b16 v = bytes16(in);
  put16(out, v & 3);
  put16(out + 16, (v >> 2) & 3);
  put16(out + 32, (v >> 4) & 3);
  put16(out + 48, v >> 6);
}

/// One block of 64 codes, one byte each.
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

/// Puts survivors where the mask has ones; what lands elsewhere doesn't matter. May read 16 bytes
/// beyond the last survivor.
static void spread_plain(
    const struct ctk_packed *w, intptr_t row, const uint8_t *survivors, uint8_t *codes) {
  for (intptr_t b = 0; b * 64 < w->columns; b++) {
    const uint64_t word = ctk_mask_word(w, row, b);
    for (int i = 0; i < 64; i++) {
      codes[64 * b + i] = *survivors;
      survivors += word >> i & 1;
    }
  }
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) static void spread_avx512(
    const struct ctk_packed *w, intptr_t row, const uint8_t *survivors, uint8_t *codes) {
  for (intptr_t b = 0; b * 64 < w->columns; b++) {
    const uint64_t word = ctk_mask_word(w, row, b);
    for (int i = 0; i < 64; i += 16) {
      const __mmask16 kept = (__mmask16)(word >> i);
      const __m512i next = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)survivors));
      _mm_storeu_si128(
          (__m128i *)(codes + 64 * b + i),
          _mm512_cvtepi32_epi8(_mm512_maskz_expand_epi32(kept, next)));
      survivors += __builtin_popcount(kept);
    }
  }
}
#endif

static void spread(
    const struct ctk_packed *w, intptr_t row, const uint8_t *survivors, uint8_t *codes) {
#if defined(__x86_64__)
  if (ctk_level() == ctk_level_avx512) {
    spread_avx512(w, row, survivors, codes);
    return;
  }
#endif
  spread_plain(w, row, survivors, codes);
}

/// The codes of one row in `codes` (one byte each, whole blocks); where masked out, any byte.
CTK_INLINE void row_of_codes(const struct ctk_packed *w, intptr_t row, uint8_t *codes) {
  const intptr_t blocks = (w->columns + 63) / 64, size = 8 * w->bits;
  if (!ctk_is_sparse(w)) {
    for (intptr_t b = 0; b < blocks; b++)
      block_of_codes(w->codes + (row * blocks + b) * size, w->bits, codes + 64 * b);
    return;
  }
  const int64_t start = ctk_row_start(w, row), end = ctk_row_start(w, row + 1);
  const int64_t first = start / 64, last = (end + 63) / 64;
  uint8_t *survivors = codes + 64 * blocks;
  for (int64_t b = first; b < last; b++)
    block_of_codes(w->codes + b * size, w->bits, survivors + 64 * (b - first));
  spread(w, row, survivors + (start - 64 * first), codes);
}

/// out = (code − zero)·scale
CTK_INLINE void dequantize(
    const uint8_t *codes, intptr_t n, float zero, float scale, float *out) {
  intptr_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const v16 q = __builtin_convertvector(__builtin_convertvector(bytes16(codes + i), m16), v16);
    v16_store(out + i, (q - v16_all(zero)) * v16_all(scale));
  }
  for (; i < n; i++) out[i] = ((float)codes[i] - zero) * scale;
}

CTK_INLINE void clear_masked(const struct ctk_packed *w, intptr_t row, float *out) {
  for (intptr_t c = 0; c < w->columns; c += 16) {
    const uint64_t word = ctk_mask_word(w, row, c / 64) >> (c % 64);
    m16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
    const m16 kept = (((int32_t)(word & 0xffff) - (m16){}) & bit) != 0;
    const intptr_t n = w->columns - c;
    if (n >= 16)
      v16_store(out + c, (v16)((m16)v16_load(out + c) & kept));
    else
      v16_store_part(out + c, (v16)((m16)v16_load_part(out + c, n, 0) & kept), n);
  }
}

CTK_INLINE void body_of_ctk_unpack_planar(
    const struct ctk_packed *w, intptr_t first, intptr_t last, float *out, intptr_t stride,
    uint8_t *scratch) {
  const intptr_t groups = (w->columns + w->group_size - 1) / w->group_size;
  const float factor = ldexpf(1, w->scale_exponent);
  for (intptr_t row = first; row < last; row++, out += stride) {
    row_of_codes(w, row, scratch);
    for (intptr_t g = 0; g < groups; g++) {
      uint16_t half;
      memcpy(&half, w->scales + (row * groups + g) * 2, 2);
      const float scale = ctk_half_to_float(half) * factor;
      const float zero = w->zeros ? (float)ctk_single_code(w->zeros, w->bits, row * groups + g)
                                  : (float)(1 << (w->bits - 1));
      const intptr_t start = g * w->group_size;
      const intptr_t rest = w->columns - start;
      dequantize(
          scratch + start, rest < w->group_size ? rest : w->group_size, zero, scale, out + start);
    }
    if (ctk_is_sparse(w)) clear_masked(w, row, out);
  }
}
CTK_KERNEL(
    ctk_unpack_planar,
    (const struct ctk_packed *w, intptr_t first, intptr_t last, float *out, intptr_t stride,
     uint8_t *scratch),
    (w, first, last, out, stride, scratch))

void ctk_unpack_planar_ref(
    const struct ctk_packed *w, intptr_t first, intptr_t last, float *out, intptr_t stride,
    uint8_t *scratch) {
  (void)scratch;
  const intptr_t groups = (w->columns + w->group_size - 1) / w->group_size;
  for (intptr_t row = first; row < last; row++) {
    int64_t survivor = ctk_row_start(w, row);
    for (intptr_t c = 0; c < w->columns; c++) {
      float *place = out + (row - first) * stride + c;
      if (ctk_is_sparse(w) && !(ctk_mask_word(w, row, c / 64) >> (c % 64) & 1)) {
        *place = 0;
        continue;
      }
      const int64_t index = survivor++;
      const intptr_t group = row * groups + c / w->group_size;
      uint16_t half;
      memcpy(&half, w->scales + group * 2, 2);
      const int zero = w->zeros ? ctk_single_code(w->zeros, w->bits, group) : 1 << (w->bits - 1);
      const int code = ctk_single_code(w->codes, w->bits, index);
      *place = (float)(code - zero) * ldexpf(ctk_half_to_float(half), w->scale_exponent);
    }
  }
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
  // As in ctk_half_to_float, sixteen lanes without branches.
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
