// What few_integer.h needs of NEON, as few_lanes_avx2.h has it of AVX2; with CTK_DOTPROD by the dot
// products of bytes that newer processors have.
#pragma once
#include <arm_neon.h>

#include "spread_codes.h"
#include "vectors.h"

#if defined(CTK_DOTPROD)
#define CTK_FEW static __attribute__((target("dotprod")))
#else
#define CTK_FEW static
#endif
#define CTK_FEW_INLINE CTK_FEW inline __attribute__((always_inline))

enum { eight_bit_bias = 128 };  // bytes are multiplied as signed ones

typedef float32x4_t lanes;

/// 64 codes, one byte each.
struct run_codes {
  uint8x16_t part[4];
};

struct factors {
  int8x16_t part[4];
};

/// Which of a run's finer groups each sum of four columns (as bytes of floats), and each of 16
/// columns, belongs to.
struct fine_groups {
  uint8x16_t lane, byte;
  intptr_t per_run;
};

CTK_FEW_INLINE struct fine_groups fine_groups(intptr_t per_run) {
  uint8_t lane[16], byte[16];
  for (int i = 0; i < 16; i++) {
    lane[i] = (uint8_t)(i / 4 * per_run / 16 * 4 + i % 4);
    byte[i] = (uint8_t)(i * per_run / 64);
  }
  return (struct fine_groups){vld1q_u8(lane), vld1q_u8(byte), per_run};
}

/// A planar block; `bits` is a constant.
CTK_FEW_INLINE struct run_codes dense_run(const uint8_t *block, const int bits) {
  struct run_codes c;
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

CTK_FEW_INLINE struct run_codes same_code(uint8_t code) {
  const uint8x16_t all = vdupq_n_u8(code);
  return (struct run_codes){{all, all, all, all}};
}

/// One code per finer group.
CTK_FEW_INLINE struct run_codes codes_of_groups(const uint8_t *codes, struct fine_groups g) {
  struct run_codes c;
  for (int i = 0; i < 4; i++)
    c.part[i] = vqtbl1q_u8(vld1q_u8(codes + i * g.per_run / 4), g.byte);
  return c;
}

/// The next survivors where `kept` has ones, `zeros` elsewhere; reads 16 bytes from each on.
CTK_FEW_INLINE struct run_codes spread_run(
    const uint8_t **survivors, uint64_t kept, struct run_codes zeros) {
  struct run_codes c;
  const uint8_t *next = *survivors;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const uint32_t mask = (uint32_t)(kept >> 16 * i) & 0xffff;
    const uint64_t first = ctk_spread_table[mask & 255];
    const uint64_t second =
        ctk_spread_table[mask >> 8] +
        (uint64_t)__builtin_popcount(mask & 255) * 0x0101010101010101;
    const uint8x16_t from = vcombine_u8(vcreate_u8(first), vcreate_u8(second));
    // Numbers beyond 15 leave what is there.
    c.part[i] = vqtbx1q_u8(zeros.part[i], vld1q_u8(next), from);
    next += __builtin_popcount(mask);
  }
  *survivors = next;
  return c;
}

/// 2:4 sparsity: 32 survivors by the six bytes of their ranks.
CTK_FEW_INLINE struct run_codes spread_pairs(
    const uint8_t *survivors, const uint8_t *ranks, struct run_codes zeros) {
  // For each rank where four bytes come from, and in four lanes the first code of each group.
  const uint8_t *table = (const uint8_t *)ctk_spread_pairs;
  const uint8x16x2_t sources = {{vld1q_u8(table), vld1q_u8(table + 16)}};
  const uint32x4_t first = {0, 0x02020202, 0x04040404, 0x06060606};
  const int32x4_t place = {0, -3, -6, -9};
  uint64_t bits = 0;
  memcpy(&bits, ranks, 6);
  struct run_codes c;
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

CTK_FEW_INLINE struct factors factors_of(struct run_codes c, const int wide) {
  struct factors f;
  for (int i = 0; i < 4; i++)
    f.part[i] = vreinterpretq_s8_u8(wide ? veorq_u8(c.part[i], vdupq_n_u8(128)) : c.part[i]);
  return f;
}

/// sum + Σ f·x over 16 columns, four neighbours in each sum where `ordered`.
CTK_FEW_INLINE int32x4_t dot(
    int32x4_t sum, int8x16_t f, int8x16_t x, const int wide, const int ordered) {
#if defined(CTK_DOTPROD)
  (void)wide, (void)ordered;
  return vdotq_s32(sum, f, x);
#else
  const int16x8_t low = vmull_s8(vget_low_s8(f), vget_low_s8(x));
  if (ordered)
    return vaddq_s32(
        sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(vmull_high_s8(f, x))));
  // Two products of factors of at most 4 bits fit 16 bits, with all of them.
  if (!wide) return vpadalq_s16(sum, vmlal_high_s8(low, f, x));
  return vpadalq_s16(vpadalq_s16(sum, low), vmull_high_s8(f, x));
#endif
}

/// Σ f·x in sums of 32 bits over the columns of parts from..<to; x: 64 high bytes, then 64 low
/// ones.
CTK_FEW_INLINE int32x4_t products(
    struct factors f, const int8_t *x, const int wide, const int ordered, const int from,
    const int to) {
  int32x4_t sum = vdupq_n_s32(0);
#pragma clang loop unroll(full)
  for (int i = from; i < to; i++)
    sum = dot(sum, f.part[i], vld1q_s8(x + 16 * i), wide, ordered);
  sum = vshlq_n_s32(sum, 8);
#pragma clang loop unroll(full)
  for (int i = from; i < to; i++)
    sum = dot(sum, f.part[i], vld1q_s8(x + 64 + 16 * i), wide, ordered);
  return sum;
}

/// sum + scale·Σ f·x, in lanes.
CTK_FEW_INLINE lanes add_run(
    lanes sum, struct factors f, const int8_t *x, float scale, float x_scale, const int wide) {
  return vfmaq_n_f32(sum, vcvtq_f32_s32(products(f, x, wide, 0, 0, 4)), scale * x_scale);
}

/// The same with a scale for each finer group.
CTK_FEW_INLINE lanes add_fine(
    lanes sum, struct factors f, const int8_t *x, const float *scales, float x_scale,
    struct fine_groups g, const int wide) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const uint8x16_t some = vreinterpretq_u8_f32(vld1q_f32(scales + i * g.per_run / 4));
    const float32x4_t scale = vreinterpretq_f32_u8(vqtbl1q_u8(some, g.lane));
    sum = vfmaq_f32(
        sum, vcvtq_f32_s32(products(f, x, wide, 1, i, i + 1)), vmulq_n_f32(scale, x_scale));
  }
  return sum;
}

CTK_FEW_INLINE lanes no_sum(void) { return vdupq_n_f32(0); }

CTK_FEW_INLINE float total(lanes sum) { return vaddvq_f32(sum); }
