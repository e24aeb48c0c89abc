// The plain twins of gptq_block.c, one row and one weight at a time.
#include <math.h>

#include "fused.h"
#include "gptq.h"
#include "gptq_tile.h"

#pragma STDC FP_CONTRACT OFF

static float larger(float a, float b) { return a > b ? a : b; }
static float smaller(float a, float b) { return a < b ? a : b; }
/// The nearest integer, ties to even; never −0.
static float rounded(float x) { return nearbyintf(x) + 0.0f; }

// ---- the grid of one row's group ----

struct row_grid {
  float scale, zero;
};

/// x ≥ 0 rounded to the nearest float16 value, at most 65504.
static float rounded_to_half(float x) {
  if (x < 0x1p-14f) return rounded(x * 0x1p24f) * 0x1p-24f;
  int exponent;
  const float fraction = frexpf(x, &exponent);
  return smaller(65504.0f, ldexpf(nearbyintf(ldexpf(fraction, 11)), exponent - 11));
}

static struct row_grid grid_of(const struct ctk_gptq_layer *layer, float low, float high) {
  const float top = (float)((1 << layer->bits) - 1), half = (float)(1 << (layer->bits - 1));
  const float unit = ldexpf(1, layer->scale_exponent), stored = ldexpf(1, -layer->scale_exponent);
  if (layer->symmetric) {
    const float step = larger(high, -low) / (half - 0.5f);
    return (struct row_grid){rounded_to_half(step * stored) * unit, half};
  }
  const float scale = rounded_to_half((high - low) / top * stored) * unit;
  return (struct row_grid){scale, scale > 0 ? rounded(smaller(top, -low / scale)) : 0};
}

/// |x|^2.4 by the kernels' series: the cost selects a range, so its last bit matters.
static float power(float x) {
  int exponent;
  float m = frexpf(larger(1e-12f, x), &exponent);
  // m in [√½, √2).
  if (m < 0x1.6a09e6p-1f) m *= 2, exponent--;
  const float t = (m - 1) / (m + 1), t2 = t * t;
  float series = multiply_add(t2, 1.0f / 7, 1.0f / 5);
  series = multiply_add(t2, series, 1.0f / 3);
  series = multiply_add(t2, series, 1);
  const float y = 2.4f * multiply_add(2.88539008f * t, series, (float)exponent);
  const float n = rounded(y), f = (y - n) * 0.693147181f;
  static const float terms[] = {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1, 1};
  float e = 1.0f / 720;
  for (int i = 0; i < 6; i++) e = multiply_add(f, e, terms[i]);
  return e * ldexpf(1, (int)n);
}

static float weight_at(
    const struct gptq_tile *t, const uint8_t *dropped, int64_t position, int r) {
  const int64_t at = position * tile_rows + r;
  return dropped && dropped[at] ? 0 : t->weights[at];
}

/// The grid of the original columns first ..< end of row r, for the full range or the best range
/// tried.
static void fit(
    const struct ctk_gptq_layer *layer, const struct gptq_tile *t, const uint8_t *dropped,
    int64_t first, int r) {
  const int64_t n = layer->columns, group = first / layer->group_width;
  const int64_t end = first + layer->group_width < n ? first + layer->group_width : n;
  const float top = (float)((1 << layer->bits) - 1);
  float low = 0, high = 0;
  for (int64_t c = first; c < end; c++) {
    low = smaller(weight_at(t, dropped, layer->position[c], r), low);
    high = larger(weight_at(t, dropped, layer->position[c], r), high);
  }
  struct row_grid best = grid_of(layer, low, high);
  const float unit = 1 / (best.scale > 0 ? best.scale : 1);
  float best_error = INFINITY;
  for (int step = 0; step < layer->search_steps; step++) {
    const float shrink = 1 - (float)step / 100;
    const struct row_grid g = grid_of(layer, low * shrink, high * shrink);
    const float inverse = g.scale > 0 ? 1 / g.scale : 0;
    float error = 0;
    for (int64_t c = first; c < end; c++) {
      const float w = weight_at(t, dropped, layer->position[c], r);
      const float q = rounded(smaller(top - g.zero, larger(-g.zero, w * inverse)));
      const float distance = multiply_add(-q, g.scale, w) * unit;
      const float cost = layer->search_power_2_4 ? power(fabsf(distance)) : distance * distance;
      error += layer->importance ? layer->importance[c] * cost : cost;
    }
    if (error < best_error) best = g, best_error = error;
  }
  t->scales[group * tile_rows + r] = best.scale;
  t->zeros[group * tile_rows + r] = best.zero;
}

// ---- n:m masks ----

static float cost_at(
    const struct ctk_gptq_layer *layer, const struct gptq_tile *t, int64_t i, int r) {
  const float w = t->weights[i * tile_rows + r];
  const float scaled = layer->factor ? w / layer->factor[i * layer->columns + i] : w;
  return scaled * scaled;
}

/// Drops all but the `kept` costliest of row r's columns in the group of at most `of` from `first`
/// on.
static void choose(
    const struct ctk_gptq_layer *layer, const struct gptq_tile *t, int64_t first, int r,
    uint8_t *dropped) {
  const int64_t n = layer->columns, end = first + layer->of < n ? first + layer->of : n;
  for (int64_t a = first; a < end; a++) {
    int64_t before = 0;
    for (int64_t b = first; b < end; b++) {
      const float this = cost_at(layer, t, a, r), other = cost_at(layer, t, b, r);
      before += other < this || (other == this && b < a);
    }
    dropped[a * tile_rows + r] = before < end - first - layer->kept;
  }
}

void ctk_gptq_fit_ref(const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped) {
  const struct gptq_tile t = gptq_tile_of(layer, scratch);
  for (int r = 0; r < tile_rows; r++) {
    for (int64_t i = 0; layer->of && i < layer->columns; i += layer->of)
      choose(layer, &t, i, r, dropped);
    for (int64_t c = 0; c < layer->columns; c += layer->group_width)
      fit(layer, &t, dropped, c, r);
  }
}

// ---- the column loop ----

/// Replaces the weight of row r, column i with its restored value; returns the error to feed
/// forward.
static float solve(
    const struct ctk_gptq_layer *layer, const struct gptq_tile *t, const uint8_t *dropped,
    int64_t i, int r, struct ctk_gptq_sums *sums) {
  const int64_t at = i * tile_rows + r, n = layer->columns;
  const int64_t grid = layer->order[i] / layer->group_width * tile_rows + r;
  const int none = dropped && dropped[at];
  float w = t->weights[at], pull = 0;
  if (t->original) {
    w = multiply_add(-layer->first_order, w - t->original[at], w);
    pull = layer->first_order * (w - t->original[at]);
  }
  float restored = w, code = 0;
  if (layer->quantize) {
    const float s = t->scales[grid], z = t->zeros[grid];
    const float top = (float)((1 << layer->bits) - 1);
    const float steps = w / (s > 0 ? s : INFINITY);
    const float inside = smaller(top - z, larger(-z, steps));
    const float q = rounded(inside);
    restored = q * s;
    code = none ? z : q + z;
    sums->clipped += !none && fabsf(steps - inside) > 0.5f;
  }
  if (none) restored = 0;
  const float e = (w - restored - pull) / (layer->factor ? layer->factor[i * n + i] : 1);
  t->codes[at] = code;
  t->weights[at] = restored;
  sums->errors[r] += (double)e * (double)e;
  return e;
}

/// w_j −= U_ij · e for the columns j of first ..< end.
static void feed(
    const struct ctk_gptq_layer *layer, const struct gptq_tile *t, int64_t i, int r, float e,
    int64_t first, int64_t end) {
  for (int64_t j = first; j < end; j++) {
    float *w = &t->weights[j * tile_rows + r];
    *w = multiply_add(-layer->factor[i * layer->columns + j], e, *w);
  }
}

void ctk_gptq_block_ref(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped, int32_t start,
    int32_t end, struct ctk_gptq_sums *sums) {
  const struct gptq_tile t = gptq_tile_of(layer, scratch);
  const int64_t n = layer->columns, width = layer->group_width;
  for (int r = 0; r < tile_rows; r++) {
    for (int64_t i = start; i < end; i++) {
      if (layer->quantize && !layer->static_groups && i % width == 0) {
        if (layer->of && width % layer->of == 0)
          for (int64_t c = i; c < i + width && c < n; c += layer->of)
            choose(layer, &t, c, r, dropped);
        fit(layer, &t, dropped, i, r);
      }
      if (layer->of && i % layer->of == 0) choose(layer, &t, i, r, dropped);
      const float e = solve(layer, &t, dropped, i, r, sums);
      t.errors[(i - start) * tile_rows + r] = e;
      if (layer->factor) feed(layer, &t, i, r, e, i + 1, end);
    }
    for (int64_t i = start; layer->factor && i < end; i++)
      feed(layer, &t, i, r, t.errors[(i - start) * tile_rows + r], end, layer->columns);
  }
}
