// a·b + c as the vector kernels compute it, for their plain twins.
//
// Kernels are written with operators, so each level fuses products with sums where its processors can
// (one rounding instead of two). Codes are decisions, in which one last bit may matter: with these in
// place of the operators a plain twin agrees with its kernel to the bit at every level.
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
