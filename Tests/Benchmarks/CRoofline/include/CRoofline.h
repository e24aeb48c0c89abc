#pragma once
#include <stdint.h>

/// Runs independent multiply-adds in the widest vectors of the processor: in bfloat16 if `bf16` isn't 0 and the processor
/// supports it, else in float32. Returns the number of multiply-adds in `rounds` rounds; divided by the time, it is the
/// calling thread's peak.
double roofline_products(intptr_t rounds, int bf16);

/// Reads `count` words once, in four streams, and returns a checksum.
uint64_t roofline_read(const uint64_t *words, intptr_t count);
