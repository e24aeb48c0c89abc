// The vocabulary of the generic kernels: 64 codes in registers, and their products with inputs of
// two bytes. Each instruction set defines it under names of its own; LANES(name) is the name in the
// one at hand.
#pragma once

#if defined(__x86_64__)
#include "x86/avx2_lanes.h"
#define LANES(name) avx2_##name
#elif defined(__aarch64__)
#include "arm/neon_lanes.h"
#define LANES(name) neon_##name
#endif

/// How a loop finds a row's weights.
enum { generic_dense, generic_masked, generic_pairs };  // the last: 2:4 sparse

typedef _Float16 generic_halves __attribute__((vector_size(32)));
