// GPTQ and SparseGPT on one tile of 64 rows.
#include "gptq.h"

#include "gptq_columns.h"
#include "gptq_mask.h"

int64_t ctk_gptq_scratch(const struct ctk_gptq_layer *layer) {
  const int64_t copies = layer->first_order != 0 ? 3 : 2;
  return (copies * layer->columns + 2 * gptq_groups(layer) + CTK_GPTQ_BLOCK) * tile_rows;
}

// At most 128 columns, ending at the boundary of a group if there is one. A group's grid is fitted,
// and an n:m mask chosen, at its first column, and both must see weights with *all* earlier errors
// fed in.
int32_t ctk_gptq_block_end(const struct ctk_gptq_layer *layer, int32_t start) {
  const int32_t limit = start + CTK_GPTQ_BLOCK;
  if (limit >= layer->columns) return layer->columns;
  const int32_t width = layer->quantize && !layer->static_groups ? layer->group_width : 1;
  const int32_t of = layer->of ? layer->of : 1;
  for (int32_t end = limit; end > start; end--)
    if (end % width == 0 && end % of == 0) return end;
  // Groups are wider than a block.
  return limit - limit % of > start ? limit - limit % of : limit;
}

void ctk_gptq_begin(
    const struct ctk_gptq_layer *layer, const float *weights, int32_t rows, float *scratch) {
  const struct gptq_tile t = gptq_tile_of(layer, scratch);
  const int64_t n = layer->columns;
  for (int64_t i = 0; i < n; i++)
    for (int32_t r = 0; r < tile_rows; r++)
      t.weights[i * tile_rows + r] = r < rows ? weights[r * n + layer->order[i]] : 0.0f;
  for (int64_t i = 0; t.original && i < n * tile_rows; i++) t.original[i] = t.weights[i];
}

CTK_INLINE void body_of_ctk_gptq_fit(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped) {
  const struct gptq_tile t = gptq_tile_of(layer, scratch);
  const int64_t n = layer->columns, width = layer->group_width;
  if (layer->of) choose_all_dropped(layer, t.weights, 0, (int32_t)n, dropped);
  for (int64_t g = 0; g * width < n; g++) {
    const int64_t end = (g + 1) * width < n ? (g + 1) * width : n;
    fit_group(
        layer, t.weights, dropped, (int32_t)(g * width), (int32_t)end, t.scales + g * tile_rows,
        t.zeros + g * tile_rows);
  }
}
CTK_KERNEL(
    ctk_gptq_fit, (const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped),
    (layer, scratch, dropped))

CTK_INLINE void body_of_ctk_gptq_block(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped, int32_t start,
    int32_t end, struct ctk_gptq_sums *sums) {
  const struct gptq_tile t = gptq_tile_of(layer, scratch);
  const int64_t n = layer->columns, width = layer->group_width;
  for (int32_t i = start; i < end; i++) {
    float *scales = t.scales + layer->order[i] / width * tile_rows;
    float *zeros = t.zeros + layer->order[i] / width * tile_rows;
    if (layer->quantize && !layer->static_groups && i % width == 0) {
      const int32_t last = i + width < n ? (int32_t)(i + width) : (int32_t)n;
      // A forecast for the grid; the mask of each group of columns is chosen when it is solved.
      if (layer->of && width % layer->of == 0)
        choose_all_dropped(layer, t.weights, i, last, dropped);
      fit_group(layer, t.weights, dropped, i, last, scales, zeros);
    }
    if (layer->of && i % layer->of == 0)
      choose_dropped(
          layer, t.weights, i, i + layer->of < n ? i + layer->of : (int32_t)n, dropped);
    solve_column(
        layer, &t, dropped, scales, zeros, t.errors + (int64_t)(i - start) * tile_rows, i, end,
        sums);
  }
  if (layer->factor) carry(layer, t.weights, t.errors, start, end);
}
CTK_KERNEL(
    ctk_gptq_block,
    (const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped, int32_t start,
     int32_t end, struct ctk_gptq_sums *sums),
    (layer, scratch, dropped, start, end, sums))

void ctk_gptq_costs(
    const struct ctk_gptq_layer *layer, const float *scratch, int32_t rows, int32_t start,
    int32_t end, float *costs) {
  for (int32_t i = start; i < end; i++)
    for (int32_t r = 0; r < tile_rows; r++) {
      const float w = scratch[(int64_t)i * tile_rows + r];
      const float scaled =
          layer->factor ? w / layer->factor[(int64_t)i * layer->columns + i] : w;
      costs[(int64_t)(i - start) * tile_rows + r] = r < rows ? scaled * scaled : __builtin_inff();
    }
}

/// The float16 bits of x ≥ 0, which must be a float16 value.
static uint16_t half_bits(float x) {
  uint32_t bits;
  if (x < 0x1p-14f) return (uint16_t)(x * 0x1p24f);
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)((bits >> 13) - (112u << 10));
}

void ctk_gptq_end(
    const struct ctk_gptq_layer *layer, float *scratch, const uint8_t *dropped, int32_t rows,
    uint8_t *codes, uint16_t *scales, uint8_t *zeros, float *restored, uint8_t *kept) {
  const struct gptq_tile t = gptq_tile_of(layer, scratch);
  const int64_t n = layer->columns, groups = gptq_groups(layer);
  const float to_stored = power_of_two(-layer->scale_exponent);
  for (int32_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < n; c++) {
      const int64_t at = (int64_t)layer->position[c] * tile_rows + r;
      if (layer->quantize) codes[r * n + c] = (uint8_t)t.codes[at];
      restored[r * n + c] = t.weights[at];
      if (kept) kept[r * n + c] = !dropped[at];
    }
    for (int64_t g = 0; layer->quantize && g < groups; g++) {
      scales[r * groups + g] = half_bits(t.scales[g * tile_rows + r] * to_stored);
      zeros[r * groups + g] = (uint8_t)t.zeros[g * tile_rows + r];
    }
  }
}
