// Comparison of the kernels with their plain twins without Swift, for processors on which the Swift
// tests don't run (see `make arm64-kernels`). Prints what was compared; exits with status 1 on a
// mismatch.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"
#include "gptq_twins.h"
#include "matrices.h"
#include "tables.h"

static int failures = 0;

/// Checks that the largest difference is at most `tolerance` times the largest magnitude (at least
/// 1).
static void compare(
    const char *what, const float *fast, const float *plain, intptr_t n, double tolerance) {
  double largest = 1, apart = 0;
  for (intptr_t i = 0; i < n; i++) {
    if (fabs(plain[i]) > largest) largest = fabs(plain[i]);
    const double difference = fabs((double)fast[i] - plain[i]);
    if (!(difference <= apart)) apart = difference;
  }
  if (apart <= tolerance * largest) return;
  failures++;
  printf("MISMATCH %s: %g apart, %g the largest value\n", what, apart, largest);
}

/// Inputs of the decode products, rounded to 16-bit integers.
struct rounded {
  int8_t *values;
  float *scales, *sums;
};

/// Rounds inputs with the fast kernel, and compares the result with the twin's.
static struct rounded round_rows(
    const struct ctk_packed *w, const float *x, intptr_t rows, const char *what) {
  const intptr_t runs = ctk_runs(w->columns);
  const intptr_t groups = (w->columns + w->group_size - 1) / w->group_size;
  struct rounded r[2];
  for (int i = 0; i < 2; i++) {
    r[i].values = calloc((size_t)(rows * runs), 128);
    r[i].scales = calloc((size_t)(rows * runs), sizeof(float));
    r[i].sums = calloc((size_t)(rows * groups), sizeof(float));
  }
  ctk_decode_round(
      x, w->columns, rows, w->columns, w->group_size, r[0].values, r[0].scales, r[0].sums);
  ctk_decode_round_ref(
      x, w->columns, rows, w->columns, w->group_size, r[1].values, r[1].scales, r[1].sums);
  if (memcmp(r[0].values, r[1].values, (size_t)(rows * runs * 128)) != 0 ||
      memcmp(r[0].scales, r[1].scales, (size_t)(rows * runs) * sizeof(float)) != 0) {
    failures++;
    printf("MISMATCH %s: rounded inputs\n", what);
  }
  compare(what, r[0].sums, r[1].sums, rows * groups, 1e-5);
  free(r[1].values), free(r[1].scales), free(r[1].sums);
  return r[0];
}

static void decode_products(const struct ctk_packed *w, const float *x, const char *what) {
  const size_t scratch_bytes = (size_t)ctk_decode_scratch(w);
  uint8_t *scratch = malloc(scratch_bytes);
  memset(scratch, 255, scratch_bytes);
  float *fast = calloc((size_t)w->rows, ctk_decode_pass_rows * sizeof(float));
  float *plain = calloc((size_t)w->rows, ctk_decode_pass_rows * sizeof(float));
  for (intptr_t rows = 1; rows <= ctk_decode_pass_rows; rows++) {
    struct rounded r = round_rows(w, x, rows, what);
    const struct ctk_decode_inputs inputs = {rows, w->columns, r.values, r.scales, r.sums};
    // Multiplied in two parts, like the pieces of a parallel loop.
    const intptr_t cut = w->rows > 16 ? 16 : w->rows / 3;
    ctk_decode_multiply(w, 0, cut, &inputs, fast, w->rows, scratch);
    ctk_decode_multiply(w, cut, w->rows, &inputs, fast, w->rows, scratch);
    ctk_decode_multiply_ref(w, 0, w->rows, &inputs, plain, w->rows);
    compare(what, fast, plain, rows * w->rows, 1e-5);
    free(r.values), free(r.scales), free(r.sums);
  }
  free(scratch), free(fast), free(plain);
}

/// Compares the float32 product that decodes stored weights with its twin, and bitwise with the
/// product of weights that were decoded before.
static void products(const struct ctk_weight *w, const float *x, const char *what) {
  enum { rows = 13 };
  float *dense = malloc((size_t)(w->rows * w->columns) * sizeof(float));
  ctk_rows_floats(w, 0, w->rows, 0, w->columns, dense, w->columns);
  for (int transposed = 0; transposed < 2; transposed++) {
    const intptr_t n = transposed ? w->columns : w->rows, k = transposed ? w->rows : w->columns;
    float *y[3];
    for (int i = 0; i < 3; i++) y[i] = calloc((size_t)(rows * n), sizeof(float));
    struct ctk_gemm g = {
        .m = rows, .n = n, .k = k, .a = x, .a_row = k, .a_column = 1, .c = y[0], .c_row = n,
        .alpha = 1, .weight = w, .transposed = transposed};
    ctk_multiply(&g);
    g.c = y[1];
    ctk_multiply_ref(&g);
    // A part is computed again in place; the comparisons below must still hold.
    if (n > 40) {
      struct ctk_gemm part = g;
      part.c = y[0] + 37, part.n = n - 37, part.weight_first = 37;
      ctk_multiply(&part);
    }
    g = (struct ctk_gemm){
        .m = rows, .n = n, .k = k, .a = x, .a_row = k, .a_column = 1, .b = dense,
        .b_row = transposed ? n : 1, .b_column = transposed ? 1 : k, .c = y[2], .c_row = n,
        .alpha = 1};
    ctk_multiply(&g);
    compare(what, y[0], y[1], rows * n, 1e-5);
    if (memcmp(y[0], y[2], (size_t)(rows * n) * sizeof(float)) != 0) {
      failures++;
      printf("MISMATCH %s: decoded inside the product (transposed: %d)\n", what, transposed);
    }
    for (int i = 0; i < 3; i++) free(y[i]);
  }
  free(dense);
}

static void halves(intptr_t rows, intptr_t columns, const float *x) {
  uint8_t *values = random_halves(rows * columns);
  for (int kind = ctk_weight_f16; kind <= ctk_weight_bf16; kind++) {
    const struct ctk_weight w = {kind, rows, columns, values, 0};
    float *fast = calloc((size_t)rows, ctk_decode_pass_rows * sizeof(float));
    float *plain = calloc((size_t)rows, ctk_decode_pass_rows * sizeof(float));
    for (intptr_t m = 1; m <= ctk_decode_pass_rows; m++) {
      ctk_decode_multiply_half(&w, 0, rows, x, columns, m, fast, rows);
      ctk_decode_multiply_half_ref(&w, 0, rows, x, columns, m, plain, rows);
      compare("half weights, decode", fast, plain, m * rows, 1e-5);
    }
    products(&w, x, "half weights");
    free(fast), free(plain);
  }
  free(values);
}

int main(void) {
  static const intptr_t shapes[][2] = {
      {1, 1}, {5, 63}, {7, 64}, {13, 192}, {33, 65}, {9, 130}, {18, 256}, {6, 449}, {2, 1601},
      {16, 64}, {32, 192}, {16, 640}};
  static const int bits[] = {2, 3, 4, 8};
  static const intptr_t groups[] = {4, 8, 16, 32, 48, 64, 128, 192, 0};
  static const struct pattern patterns[] = {{0, 0}, {1, 1}, {2, 4}, {1, 4}, {4, 8}, {3, 7}};
  static const char *const kernels[] = {"plain", "NEON", "NEON dotprod", "AVX2", "AVX-512"};
  int compared = 0;
  failures += table_failures();
  for (int level = 0; level <= ctk_highest_level(); level++) {
    ctk_limit_level(level);
    int here = 0;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
      const intptr_t rows = shapes[s][0], columns = shapes[s][1];
      float *x = random_floats(13 * (rows > columns ? rows : columns));
      for (int b = 0; b < 4; b++)
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
          for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
            if (groups[g] > columns) continue;
            const intptr_t group = groups[g] ? groups[g] : columns;
            const int zeros = (b + (int)g + (int)p) % 2;
            const int forms = can_interleave(rows, columns, group, patterns[p]) ? 2 : 1;
            for (int interleaved = 0; interleaved < forms; interleaved++) {
              struct matrix m = (interleaved ? random_tiles : random_matrix)(
                  rows, columns, bits[b], group, patterns[p], zeros);
              char what[160];
              snprintf(
                  what, sizeof what,
                  "level %d, [%ld, %ld], %d bits, groups of %ld, %d of %d, zeros %d, "
                  "interleaved %d",
                  level, (long)rows, (long)columns, bits[b], (long)group, patterns[p].kept,
                  patterns[p].of, zeros, interleaved);
              if (ctk_decode_takes_group(group)) decode_products(&m.packed, x, what);
              const struct ctk_weight w = {ctk_weight_packed, rows, columns, 0, &m.packed};
              products(&w, x, what);
              release(&m);
              here++;
            }
          }
      halves(rows, columns, x);
      free(x);
    }
    printf(
        "level %d, decode by %s: %d packed matrices, forward, transposed and 1…4 rows\n", level,
        kernels[ctk_decode_isa()], here);
    compared += here;
  }
  ctk_limit_level(ctk_highest_level());
  failures += gptq_twins();
  printf("%d comparisons of matrices, %d mismatches\n", compared, failures);
  return failures > 0;
}
