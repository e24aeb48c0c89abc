// a·b + c with the rounding of the vector kernels, for their plain twins.
//
// Kernels are written with operators, so the compiler fuses products with sums (one rounding
// instead of two) at the levels whose processors can. One last bit can change a code, so plain
// twins use these functions in place of the operators and have the kernels' bits at every level.
#pragma once
#include <math.h>

#include "dispatch.h"

static inline int products_are_fused(void) {
#if defined(__x86_64__)
  return ctk_level() >= ctk_level_avx2;
#else
  return 1;
#endif
}

static inline float multiply_add(float a, float b, float c) {
#pragma STDC FP_CONTRACT OFF
  return products_are_fused() ? fmaf(a, b, c) : a * b + c;
}

static inline double multiply_add_double(double a, double b, double c) {
#pragma STDC FP_CONTRACT OFF
  return products_are_fused() ? fma(a, b, c) : a * b + c;
}
