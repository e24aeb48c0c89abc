// Bitwise comparison of the GPTQ and pruning kernels with their plain twins. Each code affects all
// later ones, so a tolerance wouldn't do: one weight near a tie would make all later ones differ.
#include "gptq_twins.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"
#include "random_values.h"

static int mismatches = 0;

static void same(const char *what, const void *fast, const void *plain, size_t bytes) {
  if (memcmp(fast, plain, bytes) == 0) return;
  mismatches++;
  printf("MISMATCH %s\n", what);
}

// ---- GPTQ ----

enum { drops_nothing, drops_marked, drops_pattern };

/// A random layer and the arrays that it points to.
struct layer {
  struct ctk_gptq_layer gptq;
  int drops;
  int32_t *order, *position;
  float *factor, *importance, *weights;
};

/// n random weights of any magnitude: some are 0 or equal, and one in a hundred is an outlier.
static float *random_weights(int64_t n) {
  float *w = random_floats(n);
  const float size = ldexpf(1, (int)random_below(24) - 16);
  const int few = random_below(4) == 0;
  for (int64_t i = 0; i < n; i++) {
    if (few) w[i] = (float)((int)random_below(5) - 2) / 2;
    if (random_below(100) == 0) w[i] *= 20;
    w[i] *= size;
  }
  return w;
}

/// Permutes groups of `together` columns at random.
static void shuffle(int32_t *order, int32_t n, int32_t together) {
  for (int32_t a = n / together - 1; a > 0; a--) {
    const int32_t b = (int32_t)random_below((uint32_t)a + 1);
    for (int32_t k = 0; k < together; k++) {
      const int32_t moved = order[a * together + k];
      order[a * together + k] = order[b * together + k];
      order[b * together + k] = moved;
    }
  }
}

static struct layer random_layer(int32_t columns) {
  static const int32_t widths[] = {1, 4, 7, 8, 32, 64, 128, 150};
  static const int32_t patterns[][2] = {{2, 4}, {1, 4}, {4, 8}, {3, 7}};
  const int32_t width = random_below(5) ? widths[random_below(8)] : columns;
  struct layer l = {
      .gptq = {
          .columns = columns, .group_width = width < columns ? width : columns,
          .bits = 2 + (int32_t)random_below(7), .symmetric = (int32_t)random_below(2),
          .static_groups = random_below(3) > 0, .search_steps = random_below(2) ? 80 : 0,
          .search_power_2_4 = (int32_t)random_below(2), .quantize = random_below(5) > 0,
          .scale_exponent = random_below(3) ? 0 : (int32_t)random_below(21) - 10},
      .drops = (int)random_below(3)};
  if (l.drops == drops_pattern) {
    const int32_t *pattern = patterns[random_below(4)];
    l.gptq.kept = pattern[0], l.gptq.of = pattern[1];
  }
  l.order = malloc((size_t)columns * sizeof *l.order);
  l.position = malloc((size_t)columns * sizeof *l.position);
  for (int32_t i = 0; i < columns; i++) l.order[i] = i;
  if (l.gptq.static_groups && random_below(2)) shuffle(l.order, columns, l.gptq.of ? l.gptq.of : 1);
  for (int32_t i = 0; i < columns; i++) l.position[l.order[i]] = i;
  l.factor = random_floats((intptr_t)columns * columns);
  for (int32_t i = 0; i < columns; i++) {
    for (int32_t j = 0; j < columns; j++) l.factor[(int64_t)i * columns + j] /= sqrtf((float)columns);
    l.factor[(int64_t)i * columns + i] = 0.5f + (float)random_below(1000) / 1000;
  }
  l.importance = random_floats(columns);
  for (int32_t i = 0; i < columns; i++) l.importance[i] = fabsf(l.importance[i]);
  l.weights = random_weights((int64_t)CTK_GPTQ_ROWS * columns);
  l.gptq.order = l.order, l.gptq.position = l.position;
  if (random_below(2)) l.gptq.importance = l.importance;
  if (random_below(5)) {
    l.gptq.factor = l.factor;
    if (random_below(3) == 0) l.gptq.first_order = (float)random_below(1001) / 1000;
  }
  return l;
}

static void free_layer(struct layer *l) {
  free(l->order), free(l->position), free(l->factor), free(l->importance), free(l->weights);
}

/// Solves a random layer with the kernels and with the twins, and compares the whole scratch space
/// (grids, codes, restored weights and errors) after each step.
static void gptq(int32_t columns, int level, int number) {
  struct layer l = random_layer(columns);
  const struct ctk_gptq_layer *g = &l.gptq;
  const int32_t rows = 1 + (int32_t)random_below(CTK_GPTQ_ROWS);
  const size_t marks = (size_t)columns * CTK_GPTQ_ROWS;
  const size_t floats = (size_t)ctk_gptq_scratch(g);
  float *scratch[2];
  uint8_t *dropped[2] = {0};
  struct ctk_gptq_sums sums[2] = {0};
  for (int i = 0; i < 2; i++) {
    scratch[i] = calloc(floats, sizeof(float));
    ctk_gptq_begin(g, l.weights, rows, scratch[i]);
    if (l.drops != drops_nothing) dropped[i] = calloc(marks, 1);
  }
  if (l.drops == drops_marked)
    for (size_t i = 0; i < marks; i++) dropped[0][i] = dropped[1][i] = (uint8_t)random_below(2);
  char what[200];
  snprintf(
      what, sizeof what,
      "GPTQ %d at level %d: %d columns, groups of %d, %d bits, symmetric %d, static %d, quantize %d, "
      "search %d by %d, %d of %d, drops %d, factor %d, first order %g",
      number, level, columns, g->group_width, g->bits, g->symmetric, g->static_groups, g->quantize,
      g->search_steps, g->search_power_2_4, g->kept, g->of, l.drops, g->factor != 0,
      (double)g->first_order);
  if (g->quantize && g->static_groups) {
    ctk_gptq_fit(g, scratch[0], dropped[0]);
    ctk_gptq_fit_ref(g, scratch[1], dropped[1]);
    same(what, scratch[0], scratch[1], floats * sizeof(float));
  }
  for (int32_t start = 0; start < columns;) {
    const int32_t end = ctk_gptq_block_end(g, start);
    ctk_gptq_block(g, scratch[0], dropped[0], start, end, &sums[0]);
    ctk_gptq_block_ref(g, scratch[1], dropped[1], start, end, &sums[1]);
    same(what, scratch[0], scratch[1], floats * sizeof(float));
    same(what, &sums[0], &sums[1], sizeof sums[0]);
    start = end;
  }
  if (dropped[0]) same(what, dropped[0], dropped[1], marks);
  for (int i = 0; i < 2; i++) free(scratch[i]), free(dropped[i]);
  free_layer(&l);
}

// ---- pruning ----

/// Compares four steps of conjugate gradients, with p·H made from a diagonal H and a little noise.
static void masked_least_squares(intptr_t n, int level) {
  enum { weights, residual, direction };
  float *x[2][3], *inverse = random_floats(n), *product = random_floats(n);
  double energy[2];
  uint8_t *kept = random_bytes(n);
  for (intptr_t i = 0; i < n; i++) kept[i] &= 1, inverse[i] = 1.5f + inverse[i];
  char what[80];
  snprintf(what, sizeof what, "masked least squares, %ld columns at level %d", (long)n, level);
  for (int k = 0; k < 3; k++) {
    x[0][k] = random_floats(n);
    x[1][k] = malloc((size_t)n * sizeof(float));
    memcpy(x[1][k], x[0][k], (size_t)n * sizeof(float));
  }
  for (int i = 0; i < 2; i++)
    ctk_masked_least_squares_begin(kept, inverse, n, x[i][residual], x[i][direction], &energy[i]);
  for (int step = 0; step < 4; step++) {
    for (intptr_t i = 0; i < n; i++)
      product[i] = x[0][direction][i] / inverse[i] * (1 + (float)random_below(100) / 1000);
    ctk_masked_least_squares_step(
        kept, inverse, product, n, x[0][weights], x[0][residual], x[0][direction], &energy[0]);
    ctk_masked_least_squares_step_ref(
        kept, inverse, product, n, x[1][weights], x[1][residual], x[1][direction], &energy[1]);
    for (int k = 0; k < 3; k++) same(what, x[0][k], x[1][k], (size_t)n * sizeof(float));
    // A sum of n positive numbers in float64, with products that the compiler may fuse: each of the
    // n + 16 operations rounds by at most 2⁻⁵³ of the sum.
    if (!(fabs(energy[0] - energy[1]) <= (double)(n + 16) * 0x1p-53 * energy[1])) {
      mismatches++;
      printf("MISMATCH %s: energy %a, not %a\n", what, energy[0], energy[1]);
    }
    energy[1] = energy[0];
  }
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < 3; k++) free(x[i][k]);
  free(inverse), free(product), free(kept);
}

/// Compares the selection of the lowest costs, for distinct costs and for costs with many ties.
static void drop_lowest(int64_t n) {
  uint8_t *fast = malloc((size_t)n), *plain = malloc((size_t)n);
  for (int few = 0; few < 2; few++) {
    float *costs = random_floats(n);
    for (int64_t i = 0; i < n; i++)
      costs[i] = few ? (float)random_below(4) : ldexpf(costs[i] * costs[i], (int)random_below(60) - 30);
    costs[random_below((uint32_t)n)] = INFINITY;
    for (int64_t count = 0; count <= n; count += 1 + n / 7) {
      ctk_drop_lowest(costs, n, count, fast);
      ctk_drop_lowest_ref(costs, n, count, plain);
      same("lowest costs", fast, plain, (size_t)n);
    }
    free(costs);
  }
  free(fast), free(plain);
}

int gptq_twins(void) {
  static const int32_t columns[] = {1, 2, 3, 7, 15, 16, 17, 33, 64, 65, 127, 129, 150, 300};
  enum { sizes = sizeof columns / sizeof *columns, layers_of_a_size = 12 };
  const int limit = ctk_level_limit();
  for (int level = 0; level <= ctk_highest_level(); level++) {
    ctk_limit_level(level);
    for (int i = 0; i < sizes; i++) {
      for (int k = 0; k < layers_of_a_size; k++)
        gptq(columns[i], level, i * layers_of_a_size + k);
      masked_least_squares(columns[i], level);
    }
    printf("level %d, GPTQ: %d layers, to the bit\n", level, sizes * layers_of_a_size);
  }
  for (int i = 0; i < sizes; i++) drop_lowest(columns[i]);
  ctk_limit_level(limit);
  return mismatches;
}
