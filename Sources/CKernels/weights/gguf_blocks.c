// Dequantization of GGUF blocks to float32.
//
// A block holds 32 weights (the K types: a super-block of 256) as small integers q that share
// float16 scales. Bytes are little-endian; "low nibble first" means that byte i of a group of
// 16 (or 32) holds weight i in bits 0-3 and weight 16 + i (32 + i) in bits 4-7.
// Each kernel states its block layout and formula. Products and sums are rounded one by one, as the
// formula is written: a fused multiply-add would differ from other readers in the last bit.

#include "gguf_blocks.h"

#include <string.h>

#pragma STDC FP_CONTRACT OFF

static inline uint16_t load16(const uint8_t *p) {
  return (uint16_t)(p[0] | (uint16_t)p[1] << 8);
}

static inline float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/// Converts IEEE binary16 to binary32, exactly; subnormals, infinities and NaN included. Shifted to
/// binary32's position, the magnitude bits are value · 2^-112, for subnormals too, so one exact
/// product restores the value. Only exponent 31 (infinity and NaN) is set separately.
static inline float from_half(uint16_t half) {
  uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
  float scaled = from_bits(magnitude) * 0x1p112f;
  uint32_t bits;
  memcpy(&bits, &scaled, sizeof bits);
  bits = (half & 0x7c00) == 0x7c00 ? magnitude | 0x7f800000u : bits;
  return from_bits(bits | (uint32_t)(half & 0x8000) << 16);
}

// q4_0, 18 bytes: d f16 | 16 bytes of nibbles, low first.          w = d · (q − 8), q in 0...15
void ctk_gguf_q4_0(const uint8_t *in, float *restrict out, size_t blocks) {
  for (; blocks > 0; --blocks, in += 18, out += 32) {
    const float d = from_half(load16(in));
    for (int i = 0; i < 16; ++i) {
      out[i] = d * (float)((in[2 + i] & 15) - 8);
      out[16 + i] = d * (float)((in[2 + i] >> 4) - 8);
    }
  }
}

// q4_1, 20 bytes: d f16 | m f16 | 16 bytes of nibbles, low first.  w = d · q + m, q in 0...15
void ctk_gguf_q4_1(const uint8_t *in, float *restrict out, size_t blocks) {
  for (; blocks > 0; --blocks, in += 20, out += 32) {
    const float d = from_half(load16(in)), m = from_half(load16(in + 2));
    for (int i = 0; i < 16; ++i) {
      out[i] = d * (float)(in[4 + i] & 15) + m;
      out[16 + i] = d * (float)(in[4 + i] >> 4) + m;
    }
  }
}

/// Loads a little-endian 32-bit word. In the fifth bits of q5_0 and q5_1, bit i belongs to weight
/// i.
static inline uint32_t load32(const uint8_t *p) {
  return (uint32_t)load16(p) | (uint32_t)load16(p + 2) << 16;
}

// q5_0, 22 bytes: d f16 | 32 high bits | 16 bytes of nibbles.      w = d · (q − 16), q in 0...31
void ctk_gguf_q5_0(const uint8_t *in, float *restrict out, size_t blocks) {
  for (; blocks > 0; --blocks, in += 22, out += 32) {
    const float d = from_half(load16(in));
    const uint32_t high = load32(in + 2);
    for (int i = 0; i < 16; ++i) {
      const int low = (int)((in[6 + i] & 15) | (high >> i & 1) << 4);
      const int upper = (int)((in[6 + i] >> 4) | (high >> (16 + i) & 1) << 4);
      out[i] = d * (float)(low - 16);
      out[16 + i] = d * (float)(upper - 16);
    }
  }
}

// q5_1, 24 bytes: d f16 | m f16 | 32 high bits | 16 bytes of nibbles.  w = d · q + m, q in 0...31
void ctk_gguf_q5_1(const uint8_t *in, float *restrict out, size_t blocks) {
  for (; blocks > 0; --blocks, in += 24, out += 32) {
    const float d = from_half(load16(in)), m = from_half(load16(in + 2));
    const uint32_t high = load32(in + 4);
    for (int i = 0; i < 16; ++i) {
      const int low = (int)((in[8 + i] & 15) | (high >> i & 1) << 4);
      const int upper = (int)((in[8 + i] >> 4) | (high >> (16 + i) & 1) << 4);
      out[i] = d * (float)low + m;
      out[16 + i] = d * (float)upper + m;
    }
  }
}

// q8_0, 34 bytes: d f16 | 32 signed bytes.                          w = q · d, q in −128...127
void ctk_gguf_q8_0(const uint8_t *in, float *restrict out, size_t blocks) {
  for (; blocks > 0; --blocks, in += 34, out += 32) {
    const float d = from_half(load16(in));
    for (int i = 0; i < 32; ++i) out[i] = (float)(int8_t)in[2 + i] * d;
  }
}

/// Scale and minimum (6 bits each) of sub-block j = 0...7 from the 12 bytes that are common to q4_k
/// and q5_k. Bytes 0-3 hold scales 0-3 and bytes 4-7 minima 0-3 in their low six bits. The low
/// nibbles of bytes 8-11 are the low bits of scales 4-7, and the high nibbles those of minima 4-7;
/// their top two bits are bits 6-7 of bytes 0-3 and of bytes 4-7.
static inline void k_scale_min(const uint8_t *packed, int j, int *scale, int *minimum) {
  if (j < 4) {
    *scale = packed[j] & 63;
    *minimum = packed[4 + j] & 63;
  } else {
    *scale = (packed[4 + j] & 15) | (packed[j - 4] >> 6) << 4;
    *minimum = (packed[4 + j] >> 4) | (packed[j] >> 6) << 4;
  }
}

// q4_k, 144 bytes: d f16 | dmin f16 | 12 bytes of scales and minima | 128 bytes of nibbles.
// Eight sub-blocks of 32: w = (d · scale) · q − (dmin · minimum), q in 0...15.
// Sub-blocks 2p and 2p + 1 share the 32 bytes from 32p: low nibbles, then high nibbles.
void ctk_gguf_q4_k(const uint8_t *in, float *restrict out, size_t blocks) {
  for (; blocks > 0; --blocks, in += 144, out += 256) {
    const float d = from_half(load16(in)), dmin = from_half(load16(in + 2));
    for (int j = 0; j < 8; ++j) {
      int scale, minimum;
      k_scale_min(in + 4, j, &scale, &minimum);
      const float step = d * (float)scale, base = dmin * (float)minimum;
      const uint8_t *q = in + 16 + 32 * (j / 2);
      const int shift = 4 * (j & 1);
      for (int i = 0; i < 32; ++i) out[32 * j + i] = step * (float)(q[i] >> shift & 15) - base;
    }
  }
}

// q5_k, 176 bytes: d f16 | dmin f16 | 12 bytes of scales and minima | 32 bytes of fifth bits | 128
// bytes of nibbles. The formula and the nibbles are those of q4_k with q in 0...31; bit j of byte i
// of the fifth bits is the high bit of weight i of sub-block j.
void ctk_gguf_q5_k(const uint8_t *in, float *restrict out, size_t blocks) {
  for (; blocks > 0; --blocks, in += 176, out += 256) {
    const float d = from_half(load16(in)), dmin = from_half(load16(in + 2));
    const uint8_t *high = in + 16;
    for (int j = 0; j < 8; ++j) {
      int scale, minimum;
      k_scale_min(in + 4, j, &scale, &minimum);
      const float step = d * (float)scale, base = dmin * (float)minimum;
      const uint8_t *q = in + 48 + 32 * (j / 2);
      const int shift = 4 * (j & 1);
      for (int i = 0; i < 32; ++i) {
        const int value = (q[i] >> shift & 15) | (high[i] >> j & 1) << 4;
        out[32 * j + i] = step * (float)value - base;
      }
    }
  }
}

// q6_k, 210 bytes: 128 bytes of low nibbles | 64 of high bit pairs | 16 signed scales | d f16.
// w = (d · scale[k / 16]) · (q − 32) for weight k = 0...255, q in 0...63.
// Each half of 128 weights takes 64 bytes of nibbles and 32 of pairs; its quarter t = 0...3 of 32
// weights reads nibble t / 2 of bytes 32 (t & 1) + i and bits 2t, 2t + 1 of pair byte i.
void ctk_gguf_q6_k(const uint8_t *in, float *restrict out, size_t blocks) {
  for (; blocks > 0; --blocks, in += 210, out += 256) {
    const int8_t *scales = (const int8_t *)(in + 192);
    const float d = from_half(load16(in + 208));
    for (int part = 0; part < 8; ++part) {
      const int half = part / 4, t = part & 3;
      const uint8_t *low = in + 64 * half + 32 * (t & 1);
      const uint8_t *pairs = in + 128 + 32 * half;
      for (int i = 0; i < 32; ++i) {
        const float step = d * (float)scales[2 * part + i / 16];
        const int q = (low[i] >> (4 * (t / 2)) & 15) | (pairs[i] >> (2 * t) & 3) << 4;
        out[32 * part + i] = step * (float)(q - 32);
      }
    }
  }
}

void ctk_gguf_f16(const uint8_t *in, float *restrict out, size_t count) {
  for (size_t i = 0; i < count; ++i) out[i] = from_half(load16(in + 2 * i));
}

void ctk_gguf_bf16(const uint8_t *in, float *restrict out, size_t count) {
  for (size_t i = 0; i < count; ++i) out[i] = from_bits((uint32_t)load16(in + 2 * i) << 16);
}

void ctk_gguf_f32(const uint8_t *in, float *restrict out, size_t count) {
  for (size_t i = 0; i < count; ++i) out[i] = from_bits(load32(in + 4 * i));
}

size_t ctk_first_non_finite(const float *values, size_t count) {
  // Whole blocks of 1024 first, without a branch per value. NaN and infinity have all exponent bits
  // set.
  size_t i = 0;
  for (; i + 1024 <= count; i += 1024) {
    uint32_t worst = 0;
    for (size_t j = 0; j < 1024; ++j) {
      uint32_t bits;
      memcpy(&bits, values + i + j, sizeof bits);
      bits &= 0x7f800000u;
      worst = bits > worst ? bits : worst;
    }
    if (worst == 0x7f800000u) break;
  }
  for (; i < count; ++i) {
    uint32_t bits;
    memcpy(&bits, values + i, sizeof bits);
    if ((bits & 0x7f800000u) == 0x7f800000u) return i;
  }
  return count;
}
