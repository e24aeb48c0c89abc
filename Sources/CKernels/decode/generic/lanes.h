// The primitives of the generic kernels: 64 codes in registers, and their products with two-byte
// inputs. Each instruction set defines them with its own prefix; LANES(name) adds the prefix of the
// one that is being compiled.
#pragma once

#if defined(__x86_64__)
#include "x86/avx2_lanes.h"
#define LANES(name) avx2_##name
#elif defined(__aarch64__)
#include "arm/neon_lanes.h"
#define LANES(name) neon_##name
#endif

/// The storage of a row's weights, for which a loop is specialised.
enum { generic_dense, generic_masked, generic_pairs };  // the last: 2:4 sparse

typedef _Float16 generic_halves __attribute__((vector_size(32)));
