// Selection of the lowest of many numbers by a radix histogram: the bit patterns of numbers ≥ 0
// have the order of their values.
#include "drop_lowest.h"

#include <string.h>

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}

void ctk_drop_lowest(const float *costs, int64_t n, int64_t count, uint8_t *dropped) {
  // Find the bits of the lowest cost that isn't dropped, eleven at a time from the top.
  uint32_t prefix = 0;
  int64_t rest = count;
  int shift = 32;
  while (shift > 0) {
    const int width = shift >= 11 ? 11 : shift;
    int64_t histogram[2048] = {0};
    for (int64_t i = 0; i < n; i++) {
      const uint32_t b = bits_of(costs[i]);
      if (shift == 32 || b >> shift == prefix)
        histogram[b >> (shift - width) & ((1u << width) - 1)]++;
    }
    uint32_t bin = 0;
    while (bin + 1 < 1u << width && rest >= histogram[bin]) rest -= histogram[bin++];
    prefix = prefix << width | bin;
    shift -= width;
  }
  // `rest` of the costs equal to it are dropped too.
  for (int64_t i = 0; i < n; i++) {
    const uint32_t b = bits_of(costs[i]);
    dropped[i] = b < prefix || (b == prefix && rest-- > 0);
  }
}

void ctk_drop_lowest_ref(const float *costs, int64_t n, int64_t count, uint8_t *dropped) {
  for (int64_t i = 0; i < n; i++) {
    int64_t before = 0;
    for (int64_t j = 0; j < n; j++)
      before += costs[j] < costs[i] || (costs[j] == costs[i] && j < i);
    dropped[i] = before < count;
  }
}
