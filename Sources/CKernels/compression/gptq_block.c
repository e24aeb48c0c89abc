#include "gptq_block.h"

#include "gptq_columns.h"
#include "gptq_mask.h"

struct parts {
  float *tile, *numbers, *scale, *zero, *errors, *original;
};

INLINE struct parts parts_of(const struct ctk_gptq_layer *p, float *scratch) {
  const int64_t n = p->columns, groups = (n + p->group_width - 1) / p->group_width;
  struct parts a = {.tile = scratch, .numbers = scratch + n * R};
  a.scale = a.numbers + n * R;
  a.zero = a.scale + groups * R;
  a.errors = a.zero + groups * R;
  a.original = p->first_order != 0 ? a.errors + CTK_GPTQ_BLOCK * R : 0;
  return a;
}

// The columns start..<end of a tile, then their errors' share in all later ones.
INLINE void solve_block(const struct ctk_gptq_layer *p, float *scratch, uint8_t *dropped,
                        int32_t start, int32_t end, struct ctk_gptq_sums *sums) {
  const struct parts a = parts_of(p, scratch);
  const int64_t n = p->columns, width = p->group_width;
  for (int32_t i = start; i < end; i++) {
    const int64_t g = p->order[i] / width;
    if (p->quantize && !p->static_groups && i % width == 0) {
      const int32_t last = i + width < n ? (int32_t)(i + width) : (int32_t)n;
      // A forecast, for the grid; each group of columns is decided when its turn comes.
      if (p->of && width % p->of == 0) choose_all_dropped(p, a.tile, i, last, dropped);
      fit_group(p, a.tile, dropped, i, last, a.scale + g * R, a.zero + g * R);
    }
    if (p->of && i % p->of == 0)
      choose_dropped(p, a.tile, i, i + p->of < n ? i + p->of : (int32_t)n, dropped);
    solve_column(p, a.tile, a.original ? a.original + (int64_t)i * R : 0, dropped, a.scale + g * R,
                 a.zero + g * R, a.numbers, a.errors + (int64_t)(i - start) * R, i, end, sums);
  }
  if (p->factor) carry(p, a.tile, a.errors, start, end);
}

INLINE void fit_all(const struct ctk_gptq_layer *p, float *scratch, uint8_t *dropped) {
  const struct parts a = parts_of(p, scratch);
  const int64_t n = p->columns, width = p->group_width;
  if (p->of) choose_all_dropped(p, a.tile, 0, (int32_t)n, dropped);
  for (int64_t g = 0; g * width < n; g++) {
    const int64_t end = (g + 1) * width < n ? (g + 1) * width : n;
    fit_group(p, a.tile, dropped, (int32_t)(g * width), (int32_t)end, a.scale + g * R,
              a.zero + g * R);
  }
}

int64_t ctk_gptq_scratch(const struct ctk_gptq_layer *p) {
  const int64_t n = p->columns, groups = (n + p->group_width - 1) / p->group_width;
  return ((p->first_order != 0 ? 3 : 2) * n + 2 * groups + CTK_GPTQ_BLOCK) * R;
}

// 128 columns on, but never so that a group begins inside and reaches beyond, where that can be had:
// a group's grid is fitted at its first column, and an n:m mask chosen there, and both must see
// weights that carry *all* earlier errors.
int32_t ctk_gptq_block_end(const struct ctk_gptq_layer *p, int32_t start) {
  const int32_t limit = start + CTK_GPTQ_BLOCK;
  if (limit >= p->columns) return p->columns;
  const int32_t width = p->quantize && !p->static_groups ? p->group_width : 1;
  const int32_t of = p->of ? p->of : 1;
  for (int32_t end = limit; end > start; end--)
    if (end % width == 0 && end % of == 0) return end;
  // Groups wider than a block.
  return limit - limit % of > start ? limit - limit % of : limit;
}

void ctk_gptq_begin(const struct ctk_gptq_layer *p, const float *weights, int32_t rows,
                    float *scratch) {
  for (int64_t i = 0; i < p->columns; i++)
    for (int32_t r = 0; r < R; r++)
      scratch[i * R + r] = r < rows ? weights[r * (int64_t)p->columns + p->order[i]] : 0.0f;
  const struct parts a = parts_of(p, scratch);
  for (int64_t i = 0; a.original && i < (int64_t)p->columns * R; i++) a.original[i] = a.tile[i];
}

void ctk_gptq_costs(const struct ctk_gptq_layer *p, const float *scratch, int32_t rows,
                    int32_t start, int32_t end, float *costs) {
  for (int32_t i = start; i < end; i++)
    for (int32_t r = 0; r < R; r++) {
      const float w = scratch[(int64_t)i * R + r];
      const float scaled = p->factor ? w / p->factor[(int64_t)i * p->columns + i] : w;
      costs[(int64_t)(i - start) * R + r] = r < rows ? scaled * scaled : __builtin_inff();
    }
}

void ctk_gptq_end(const struct ctk_gptq_layer *p, float *scratch, const uint8_t *dropped,
                  int32_t rows, uint8_t *codes, uint16_t *scales, uint8_t *zeros,
                  float *restored, uint8_t *kept) {
  const struct parts a = parts_of(p, scratch);
  const int64_t n = p->columns, groups = (n + p->group_width - 1) / p->group_width;
  const float to_stored = power_of_two(-p->scale_exponent);
  for (int32_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < n; c++) {
      const int64_t at = (int64_t)p->position[c] * R + r;
      if (p->quantize) codes[r * n + c] = (uint8_t)a.numbers[at];
      restored[r * n + c] = a.tile[at];
      if (kept) kept[r * n + c] = !dropped[at];
    }
    for (int64_t g = 0; p->quantize && g < groups; g++) {
      scales[r * groups + g] = half_bits(a.scale[g * R + r] * to_stored);
      zeros[r * groups + g] = (uint8_t)a.zero[g * R + r];
    }
  }
}

void ctk_gptq_fit_baseline(const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped) {
  fit_all(layer, scratch, dropped);
}

void ctk_gptq_block_baseline(const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped,
                             int32_t start, int32_t end, struct ctk_gptq_sums *sums) {
  solve_block(layer, scratch, dropped, start, end, sums);
}

#if defined(__x86_64__)
#define CTK_WIDE __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))
#define CTK_NARROW __attribute__((target("avx2,fma")))
CTK_WIDE static void fit_avx512(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped) {
  fit_all(layer, scratch, dropped);
}
CTK_NARROW static void fit_avx2(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped) {
  fit_all(layer, scratch, dropped);
}
CTK_WIDE static void block_avx512(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped, int32_t start,
    int32_t end, struct ctk_gptq_sums *sums) {
  solve_block(layer, scratch, dropped, start, end, sums);
}
CTK_NARROW static void block_avx2(
    const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped, int32_t start,
    int32_t end, struct ctk_gptq_sums *sums) {
  solve_block(layer, scratch, dropped, start, end, sums);
}

static int has_wide(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
static int has_narrow(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

void ctk_gptq_fit(const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped) {
#if defined(__x86_64__)
  if (has_wide()) return fit_avx512(layer, scratch, dropped);
  if (has_narrow()) return fit_avx2(layer, scratch, dropped);
#endif
  fit_all(layer, scratch, dropped);
}

void ctk_gptq_block(const struct ctk_gptq_layer *layer, float *scratch, uint8_t *dropped,
                    int32_t start, int32_t end, struct ctk_gptq_sums *sums) {
#if defined(__x86_64__)
  if (has_wide()) return block_avx512(layer, scratch, dropped, start, end, sums);
  if (has_narrow()) return block_avx2(layer, scratch, dropped, start, end, sums);
#endif
  solve_block(layer, scratch, dropped, start, end, sums);
}
