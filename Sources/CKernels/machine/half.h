// Conversion of float16 to float32 in plain C, without compiler support for the type.
#pragma once
#include <stdint.h>
#include <string.h>

/// Converts an IEEE 754 binary16 value to float32, exactly; infinities and NaN included.
static inline float ctk_half_to_float(uint16_t h) {
  const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
  uint32_t bits = (uint32_t)(h & 0x7fff) << 13;
  float f;
  if (bits >= 0x0f800000) {
    bits += 0x70000000;  // infinity and NaN: exponent 31 becomes 255
  } else if (bits >= 0x00800000) {
    bits += 0x38000000;  // exponent bias 15 becomes 127
  } else {
    // Subnormal: the mantissa is a multiple of 2⁻²⁴.
    f = (float)(bits >> 13) * 0x1p-24f;
    memcpy(&bits, &f, 4);
  }
  bits |= sign;
  memcpy(&f, &bits, 4);
  return f;
}
