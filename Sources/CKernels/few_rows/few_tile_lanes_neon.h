// What few_integer_tiles.h needs of NEON beside few_lanes_neon.h.
#pragma once
#include "few_lanes_neon.h"

/// Sums of sixteen rows side by side, each in 32 bits.
struct tile_sums {
  int32x4_t high[4], low[4];
};

CTK_FEW_INLINE struct tile_sums no_tile_sums(void) {
  const int32x4_t none = vdupq_n_s32(0);
  return (struct tile_sums){{none, none, none, none}, {none, none, none, none}};
}

/// Adds f·x for four columns of sixteen rows, a row after the other in f; x: four high bytes, and 64 bytes on
/// the low ones.
CTK_FEW_INLINE void add_columns(
    struct tile_sums *s, struct factors f, const int8_t *x, const int wide) {
  int32_t high, low;
  memcpy(&high, x, 4);
  memcpy(&low, x + 64, 4);
  const int8x16_t a = vreinterpretq_s8_s32(vdupq_n_s32(high));
  const int8x16_t b = vreinterpretq_s8_s32(vdupq_n_s32(low));
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    s->high[i] = dot(s->high[i], f.part[i], a, wide, 1);
    s->low[i] = dot(s->low[i], f.part[i], b, wide, 1);
  }
}

CTK_FEW_INLINE void end_columns(struct tile_sums *s, const int wide) { (void)s, (void)wide; }

CTK_FEW_INLINE void put_tile_sums(const struct tile_sums *s, float out[16]) {
  for (int i = 0; i < 4; i++)
    vst1q_f32(out + 4 * i, vcvtq_f32_s32(vaddq_s32(vshlq_n_s32(s->high[i], 8), s->low[i])));
}
