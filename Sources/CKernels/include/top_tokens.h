#pragma once
#include <stdint.h>

/// A tile of logits [rows, n] of the tokens first ..< first + n, rows `stride` apart, of which the
/// k highest per row are selected.
struct ctk_top_tokens {
  const float *logits;
  intptr_t stride, rows, n;
  int32_t first;
  intptr_t k;
};

/// Merges a tile into the k highest logits so far: values and ids [rows, k] in descending order,
/// equal values in the order in which they were merged. Start with values = −∞.
void ctk_top_tokens(const struct ctk_top_tokens *tile, float *values, int32_t *ids);
void ctk_top_tokens_ref(const struct ctk_top_tokens *tile, float *values, int32_t *ids);
