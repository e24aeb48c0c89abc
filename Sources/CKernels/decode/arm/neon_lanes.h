// The primitives of generic/lanes.h in NEON and, with CTK_DOTPROD, the byte dot products (SDOT) of
// newer processors.
#pragma once
#include <arm_neon.h>
#include <string.h>

#include "spread_codes.h"

#if defined(CTK_DOTPROD)
#define CTK_LANES static __attribute__((target("dotprod")))
#else
#define CTK_LANES static
#endif
#define CTK_LANES_INLINE CTK_LANES inline __attribute__((always_inline))

enum { neon_eight_bit_bias = 128 };  // 8-bit codes are multiplied as signed bytes, less this

/// Partial sums of one row.
typedef float32x4_t neon_sums;

/// A run of 64 codes, one byte each.
struct neon_codes {
  uint8x16_t part[4];
};

/// A run of 64 codes as signed factors.
struct neon_factors {
  int8x16_t part[4];
};

/// The narrow group, within a quarter of a run, of each sum of four columns (as bytes of floats)
/// and of each of 16 columns.
struct neon_group_map {
  uint8x16_t lane, byte;
  intptr_t per_run;
};

CTK_LANES_INLINE struct neon_group_map neon_group_map(intptr_t per_run) {
  uint8_t lane[16], byte[16];
  for (int i = 0; i < 16; i++) {
    lane[i] = (uint8_t)(i / 4 * per_run / 16 * 4 + i % 4);
    byte[i] = (uint8_t)(i * per_run / 64);
  }
  return (struct neon_group_map){vld1q_u8(lane), vld1q_u8(byte), per_run};
}

/// Unpacks a planar block; `bits` is a constant.
CTK_LANES_INLINE struct neon_codes neon_unpack_run(const uint8_t *block, const int bits) {
  struct neon_codes c;
  if (bits == 8) {
    for (int i = 0; i < 4; i++) c.part[i] = vld1q_u8(block + 16 * i);
  } else if (bits == 4) {
    for (int i = 0; i < 2; i++) {
      const uint8x16_t two = vld1q_u8(block + 16 * i);
      c.part[i] = vandq_u8(two, vdupq_n_u8(15));
      c.part[2 + i] = vshrq_n_u8(two, 4);
    }
  } else {
    const uint8x16_t four = vld1q_u8(block), low = vdupq_n_u8(3);
    c.part[0] = vandq_u8(four, low);
    c.part[1] = vandq_u8(vshrq_n_u8(four, 2), low);
    c.part[2] = vandq_u8(vshrq_n_u8(four, 4), low);
    c.part[3] = vshrq_n_u8(four, 6);
    if (bits == 3) {
      const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
      for (int i = 0; i < 4; i++) {
        const uint8x16_t word =
            vcombine_u8(vdup_n_u8(block[16 + 2 * i]), vdup_n_u8(block[17 + 2 * i]));
        c.part[i] = vorrq_u8(c.part[i], vandq_u8(vtstq_u8(word, bit), vdupq_n_u8(4)));
      }
    }
  }
  return c;
}

CTK_LANES_INLINE struct neon_codes neon_same_code(uint8_t code) {
  const uint8x16_t all = vdupq_n_u8(code);
  return (struct neon_codes){{all, all, all, all}};
}

/// The code of its narrow group for each column.
CTK_LANES_INLINE struct neon_codes neon_codes_of_groups(
    const uint8_t *codes, struct neon_group_map g) {
  struct neon_codes c;
  for (int i = 0; i < 4; i++)
    c.part[i] = vqtbl1q_u8(vld1q_u8(codes + i * g.per_run / 4), g.byte);
  return c;
}

/// Expands the next survivors to where `kept` has ones, with `zeros` elsewhere. Reads 16 bytes from
/// each on.
CTK_LANES_INLINE struct neon_codes neon_spread_run(
    const uint8_t **survivors, uint64_t kept, struct neon_codes zeros) {
  struct neon_codes c;
  const uint8_t *next = *survivors;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const uint32_t mask = (uint32_t)(kept >> 16 * i) & 0xffff;
    const uint64_t first = ctk_spread_table[mask & 255];
    const uint64_t second =
        ctk_spread_table[mask >> 8] +
        (uint64_t)__builtin_popcount(mask & 255) * 0x0101010101010101;
    const uint8x16_t from = vcombine_u8(vcreate_u8(first), vcreate_u8(second));
    // TBX leaves the zero where the index is beyond 15.
    c.part[i] = vqtbx1q_u8(zeros.part[i], vld1q_u8(next), from);
    next += __builtin_popcount(mask);
  }
  *survivors = next;
  return c;
}

/// Expands 32 survivors of a 2:4 sparse run by the six bytes of their ranks.
CTK_LANES_INLINE struct neon_codes neon_spread_pairs(
    const uint8_t *survivors, const uint8_t *ranks, struct neon_codes zeros) {
  // Four source bytes per rank, and in four lanes the index of each group's first code.
  const uint8_t *table = (const uint8_t *)ctk_spread_pairs;
  const uint8x16x2_t sources = {{vld1q_u8(table), vld1q_u8(table + 16)}};
  const uint32x4_t first = {0, 0x02020202, 0x04040404, 0x06060606};
  const int32x4_t place = {0, -3, -6, -9};
  uint64_t bits = 0;
  memcpy(&bits, ranks, 6);
  struct neon_codes c;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const uint32x4_t rank = vandq_u32(
        vshlq_u32(vdupq_n_u32((uint32_t)(bits >> 12 * i)), place), vdupq_n_u32(7));
    const uint32x4_t byte = vmlaq_n_u32(vdupq_n_u32(0x03020100), rank, 0x04040404);
    const uint8x16_t from = vaddq_u8(
        vqtbl2q_u8(sources, vreinterpretq_u8_u32(byte)), vreinterpretq_u8_u32(first));
    const uint8x8_t some = vld1_u8(survivors + 8 * i);
    c.part[i] = vqtbx1q_u8(zeros.part[i], vcombine_u8(some, some), from);
  }
  return c;
}

CTK_LANES_INLINE struct neon_factors neon_factors_of(struct neon_codes c, const int wide) {
  struct neon_factors f;
  for (int i = 0; i < 4; i++)
    f.part[i] = vreinterpretq_s8_u8(wide ? veorq_u8(c.part[i], vdupq_n_u8(128)) : c.part[i]);
  return f;
}

/// sum + Σ f·x over 16 columns. With `ordered` each lane sums four neighbours; without, any four.
CTK_LANES_INLINE int32x4_t neon_dot(
    int32x4_t sum, int8x16_t f, int8x16_t x, const int wide, const int ordered) {
#if defined(CTK_DOTPROD)
  (void)wide, (void)ordered;
  return vdotq_s32(sum, f, x);
#else
  const int16x8_t low = vmull_s8(vget_low_s8(f), vget_low_s8(x));
  if (ordered)
    return vaddq_s32(
        sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(vmull_high_s8(f, x))));
  // Without 8-bit codes, two products (of 4 by 8 bits) fit 16 bits.
  if (!wide) return vpadalq_s16(sum, vmlal_high_s8(low, f, x));
  return vpadalq_s16(vpadalq_s16(sum, low), vmull_high_s8(f, x));
#endif
}

/// Σ f·x in 32-bit sums over quarters from..<to of a run; x: 64 high bytes, then 64 low ones.
CTK_LANES_INLINE int32x4_t neon_products(
    struct neon_factors f, const int8_t *x, const int wide, const int ordered, const int from,
    const int to) {
  int32x4_t sum = vdupq_n_s32(0);
#pragma clang loop unroll(full)
  for (int i = from; i < to; i++)
    sum = neon_dot(sum, f.part[i], vld1q_s8(x + 16 * i), wide, ordered);
  sum = vshlq_n_s32(sum, 8);
#pragma clang loop unroll(full)
  for (int i = from; i < to; i++)
    sum = neon_dot(sum, f.part[i], vld1q_s8(x + 64 + 16 * i), wide, ordered);
  return sum;
}

/// sum + scale·x_scale·Σ f·x over a run.
CTK_LANES_INLINE neon_sums neon_add_run(
    neon_sums sum, struct neon_factors f, const int8_t *x, float scale, float x_scale,
    const int wide) {
  return vfmaq_n_f32(sum, vcvtq_f32_s32(neon_products(f, x, wide, 0, 0, 4)), scale * x_scale);
}

/// sum + x_scale·Σ scale·f·x over a run, with a scale per narrow group.
CTK_LANES_INLINE neon_sums neon_add_narrow(
    neon_sums sum, struct neon_factors f, const int8_t *x, const float *scales, float x_scale,
    struct neon_group_map g, const int wide) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const uint8x16_t some = vreinterpretq_u8_f32(vld1q_f32(scales + i * g.per_run / 4));
    const float32x4_t scale = vreinterpretq_f32_u8(vqtbl1q_u8(some, g.lane));
    sum = vfmaq_f32(
        sum, vcvtq_f32_s32(neon_products(f, x, wide, 1, i, i + 1)), vmulq_n_f32(scale, x_scale));
  }
  return sum;
}

CTK_LANES_INLINE neon_sums neon_no_sum(void) { return vdupq_n_f32(0); }

CTK_LANES_INLINE float neon_total(neon_sums sum) { return vaddvq_f32(sum); }

// ---- Tiles: sixteen rows, each in a 32-bit sum ----

/// Sums of sixteen rows, in 32 bits each, with the high and with the low bytes of the inputs.
struct neon_tile_sums {
  int32x4_t high[4], low[4];
};

CTK_LANES_INLINE struct neon_tile_sums neon_no_tile_sums(void) {
  const int32x4_t none = vdupq_n_s32(0);
  return (struct neon_tile_sums){{none, none, none, none}, {none, none, none, none}};
}

/// Adds f·x for four columns of sixteen rows, row after row in f; x: four high bytes and, 64 bytes
/// on, the low ones.
CTK_LANES_INLINE void neon_add_columns(
    struct neon_tile_sums *s, struct neon_factors f, const int8_t *x, const int wide) {
  int32_t high, low;
  memcpy(&high, x, 4);
  memcpy(&low, x + 64, 4);
  const int8x16_t a = vreinterpretq_s8_s32(vdupq_n_s32(high));
  const int8x16_t b = vreinterpretq_s8_s32(vdupq_n_s32(low));
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    s->high[i] = neon_dot(s->high[i], f.part[i], a, wide, 1);
    s->low[i] = neon_dot(s->low[i], f.part[i], b, wide, 1);
  }
}

CTK_LANES_INLINE void neon_end_columns(struct neon_tile_sums *s, const int wide) {
  (void)s, (void)wide;
}

CTK_LANES_INLINE void neon_put_tile_sums(const struct neon_tile_sums *s, float out[16]) {
  for (int i = 0; i < 4; i++)
    vst1q_f32(out + 4 * i, vcvtq_f32_s32(vaddq_s32(vshlq_n_s32(s->high[i], 8), s->low[i])));
}
