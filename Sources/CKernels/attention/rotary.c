// Rotary position embedding, Su et al., arXiv 2104.09864, in the "rotate half" order of Hugging
// Face's models.
#include "rotary.h"

#include "vectors.h"

CTK_INLINE void body_of_ctk_rotary(
    float *x, const float *cosines, const float *sines, intptr_t heads, intptr_t half,
    int inverse) {
  const float sign = inverse ? -1.0f : 1.0f;
  for (intptr_t h = 0; h < heads; h++) {
    float *low = x + h * 2 * half, *high = low + half;
    intptr_t i = 0;
    for (; i + 16 <= half; i += 16) {
      const v16 a = v16_load(low + i), b = v16_load(high + i);
      const v16 c = v16_load(cosines + i), s = v16_load(sines + i) * v16_all(sign);
      v16_store(low + i, a * c - b * s);
      v16_store(high + i, b * c + a * s);
    }
    for (; i < half; i++) {
      const float a = low[i], b = high[i], c = cosines[i], s = sines[i] * sign;
      low[i] = a * c - b * s;
      high[i] = b * c + a * s;
    }
  }
}
CTK_KERNEL(
    ctk_rotary,
    (float *x, const float *cosines, const float *sines, intptr_t heads, intptr_t half,
     int inverse),
    (x, cosines, sines, heads, half, inverse))

void ctk_rotary_ref(
    float *x, const float *cosines, const float *sines, intptr_t heads, intptr_t half,
    int inverse) {
  for (intptr_t h = 0; h < heads; h++)
    for (intptr_t i = 0; i < half; i++) {
      const double a = x[2 * h * half + i], b = x[(2 * h + 1) * half + i];
      const double c = cosines[i], s = inverse ? -sines[i] : sines[i];
      x[2 * h * half + i] = (float)(a * c - b * s);
      x[(2 * h + 1) * half + i] = (float)(b * c + a * s);
    }
}
