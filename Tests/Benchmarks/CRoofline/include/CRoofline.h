#pragma once
#include <stdint.h>

/// Multiply-adds in bfloat16 (float32 where the processor has none) with nothing to wait for; returns how many were
/// done in `rounds` rounds. What the calling thread does per second is its peak.
double roofline_products(intptr_t rounds);

/// Reads `count` words once, in several streams; returns a checksum.
uint64_t roofline_read(const uint64_t *words, intptr_t count);
