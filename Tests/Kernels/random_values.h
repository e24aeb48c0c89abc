// Random values for the twin tests.
#pragma once
#include <stdint.h>
#include <stdlib.h>

/// The generator's state, which starts from the same seed in every run; each test file has its own.
static uint32_t state = 1;

/// A random integer in 0 ..< n.
static inline uint32_t random_below(uint32_t n) {
  state = state * 1664525u + 1013904223u;
  return (uint32_t)((uint64_t)(state >> 8) * n >> 24);
}

/// n random floats, −1 … 1 in steps of 0.001.
static inline float *random_floats(intptr_t n) {
  float *x = malloc((size_t)n * sizeof(float));
  for (intptr_t i = 0; i < n; i++) x[i] = (float)random_below(2001) / 1000 - 1;
  return x;
}

static inline uint8_t *random_bytes(intptr_t n) {
  uint8_t *bytes = malloc((size_t)n + 1);
  for (intptr_t i = 0; i < n; i++) bytes[i] = (uint8_t)random_below(256);
  return bytes;
}
