#include <string.h>

#include "dispatch.h"
#include "targets.h"
#include "unpack_planar.h"

static inline uint64_t word_at(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, 8);
  return word;
}

/// The padding bits of a row's last word, which belong to no column.
static inline uint64_t padding(intptr_t columns) {
  return columns % 64 ? ~(uint64_t)0 << columns % 64 : 0;
}

intptr_t ctk_count_mask_ref(const uint8_t *mask, intptr_t rows, intptr_t columns, int64_t *counts) {
  const intptr_t words = (columns + 63) / 64;
  for (intptr_t row = 0; row < rows; row++) {
    int64_t count = 0;
    for (intptr_t i = 0; i < words; i++)
      count += __builtin_popcountll(word_at(mask + (row * words + i) * 8));
    counts[row] = count;
    if (word_at(mask + (row * words + words - 1) * 8) & padding(columns)) return row;
  }
  return rows;
}

#if defined(__x86_64__)
CTK_AVX512_VNNI static intptr_t count_mask(
    const uint8_t *mask, intptr_t rows, intptr_t columns, int64_t *counts) {
  const intptr_t words = (columns + 63) / 64;
  for (intptr_t row = 0; row < rows; row++) {
    const uint8_t *in = mask + row * words * 8;
    uint64_t a = 0, b = 0;
    intptr_t i = 0;
    for (; i + 2 <= words; i += 2) {
      a += (uint64_t)__builtin_popcountll(word_at(in + 8 * i));
      b += (uint64_t)__builtin_popcountll(word_at(in + 8 * i + 8));
    }
    if (i < words) a += (uint64_t)__builtin_popcountll(word_at(in + 8 * i));
    counts[row] = (int64_t)(a + b);
    if (word_at(in + 8 * (words - 1)) & padding(columns)) return row;
  }
  return rows;
}
#endif

intptr_t ctk_count_mask(const uint8_t *mask, intptr_t rows, intptr_t columns, int64_t *counts) {
#if defined(__x86_64__)
  if (ctk_has_bf16_products()) return count_mask(mask, rows, columns, counts);
#endif
  return ctk_count_mask_ref(mask, rows, columns, counts);
}
