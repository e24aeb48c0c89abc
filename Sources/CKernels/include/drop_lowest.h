#pragma once
#include <stdint.h>

/// Sets dropped[i] = 1 for the `count` lowest of n costs, and 0 for the others. Costs are ≥ 0 and
/// not NaN; of equal costs the first are dropped.
void ctk_drop_lowest(const float *costs, int64_t n, int64_t count, uint8_t *dropped);
void ctk_drop_lowest_ref(const float *costs, int64_t n, int64_t count, uint8_t *dropped);
