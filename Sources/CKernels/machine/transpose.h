// Transposition of 16 × 16 32-bit values in registers, by swapping quarters of ever smaller
// squares.
#pragma once
#include "vectors.h"

/// Swaps the off-diagonal quarters of each 2w × 2w square across the rows a and b.
#define CTK_EXCHANGE(w, a, b, ...)                              \
  {                                                             \
    const v16 low = __builtin_shufflevector(a, b, __VA_ARGS__); \
    b = CTK_EXCHANGE_HIGH_##w(a, b);                            \
    a = low;                                                    \
  }
#define CTK_EXCHANGE_HIGH_8(a, b) \
  __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#define CTK_EXCHANGE_HIGH_4(a, b) \
  __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31)
#define CTK_EXCHANGE_HIGH_2(a, b) \
  __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define CTK_EXCHANGE_HIGH_1(a, b) \
  __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31)

/// Transposes the 16 vectors `r`. A macro, so that it is compiled with the target features of the
/// enclosing function.
#define CTK_TRANSPOSE16(r)                                                                     \
  {                                                                                            \
    for (int i = 0; i < 8; i++)                                                                \
      CTK_EXCHANGE(8, r[i], r[i + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)  \
    for (int i = 0; i < 16; i += (i & 3) == 3 ? 5 : 1)                                         \
      CTK_EXCHANGE(4, r[i], r[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27) \
    for (int i = 0; i < 16; i += (i & 1) ? 3 : 1)                                              \
      CTK_EXCHANGE(2, r[i], r[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29) \
    for (int i = 0; i < 16; i += 2)                                                            \
      CTK_EXCHANGE(1, r[i], r[i + 1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30) \
  }
