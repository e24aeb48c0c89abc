#pragma once
#include <stdint.h>

/// Marks the `count` lowest of n costs (none NaN or negative; of equal ones the first) with 1 in
/// `dropped`, the others with 0.
void ctk_drop_lowest(const float *costs, int64_t n, int64_t count, uint8_t *dropped);
void ctk_drop_lowest_ref(const float *costs, int64_t n, int64_t count, uint8_t *dropped);
