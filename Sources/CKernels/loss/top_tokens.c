#include "top_tokens.h"

#include <math.h>

#include "vectors.h"

/// Inserts a value above the lowest of k sorted ones, which it replaces; after equal values.
CTK_INLINE void insert(float value, int32_t id, intptr_t k, float *values, int32_t *ids) {
  intptr_t place = k - 1;
  while (place > 0 && values[place - 1] < value) {
    values[place] = values[place - 1];
    ids[place] = ids[place - 1];
    place--;
  }
  values[place] = value;
  ids[place] = id;
}

/// Skips sixteen logits at a time if none is above the lowest of the k kept, which is nearly always
/// the case.
CTK_INLINE void body_of_ctk_top_tokens(
    const struct ctk_top_tokens *t, float *values, int32_t *ids) {
  for (intptr_t row = 0; row < t->rows; row++) {
    const float *logits = t->logits + row * t->stride;
    float *kept = values + row * t->k;
    int32_t *names = ids + row * t->k;
    for (intptr_t i = 0; i < t->n; i += 16) {
      const intptr_t count = t->n - i < 16 ? t->n - i : 16;
      const v16 s = count == 16 ? v16_load(logits + i) : v16_load_part(logits + i, count, -INFINITY);
      if (v16_highest(s) <= kept[t->k - 1]) continue;
      for (intptr_t j = 0; j < count; j++) {
        if (logits[i + j] > kept[t->k - 1]) {
          insert(logits[i + j], t->first + (int32_t)(i + j), t->k, kept, names);
        }
      }
    }
  }
}
CTK_KERNEL(
    ctk_top_tokens, (const struct ctk_top_tokens *tile, float *values, int32_t *ids),
    (tile, values, ids))

void ctk_top_tokens_ref(const struct ctk_top_tokens *t, float *values, int32_t *ids) {
  for (intptr_t row = 0; row < t->rows; row++) {
    for (intptr_t i = 0; i < t->n; i++) {
      const float value = t->logits[row * t->stride + i];
      if (value > values[row * t->k + t->k - 1]) {
        insert(value, t->first + (int32_t)i, t->k, values + row * t->k, ids + row * t->k);
      }
    }
  }
}
