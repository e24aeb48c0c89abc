// Random packed matrices for twins.c.
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"
#include "random_values.h"

/// n random 16-bit values of moderate magnitude, both as float16 and as bfloat16.
static uint8_t *random_halves(intptr_t n) {
  uint8_t *bytes = random_bytes(2 * n);
  for (intptr_t i = 0; i < n; i++) bytes[2 * i + 1] = (bytes[2 * i + 1] & 0x83) | 0x38;
  return bytes;
}

/// The sparsity of a matrix: {0, 0} is dense, {1, 1} has a mask, and others are n:m sparse.
struct pattern {
  int kept, of;
};

/// A packed matrix and the arrays that it points to.
struct matrix {
  struct ctk_packed packed;
  uint8_t *codes, *scales, *zeros, *mask, *ranks;
  int64_t *starts;
};

/// The binomial coefficient C(n, k).
static int64_t combinations(int n, int k) {
  int64_t c = 1;
  for (int i = 0; i < k; i++) c = c * (n - i) / (i + 1);
  return c;
}

/// A bit stream of the ranks of random combinations. A short last group has fewer combinations.
static uint8_t *random_ranks(intptr_t rows, intptr_t columns, struct pattern p, int *bits) {
  const intptr_t groups = (columns + p.of - 1) / p.of;
  for (*bits = 0; (1 << *bits) < combinations(p.of, p.kept); ++*bits) {}
  uint8_t *ranks = calloc((size_t)((rows * groups * *bits + 7) / 8), 1);
  for (intptr_t i = 0; i < rows * groups; i++) {
    const int width = i % groups == groups - 1 && columns % p.of ? (int)(columns % p.of) : p.of;
    const uint32_t rank =
        random_below((uint32_t)combinations(width, width < p.kept ? width : p.kept));
    for (int b = 0; b < *bits; b++)
      ranks[(i * *bits + b) / 8] |= (uint8_t)((rank >> b & 1) << ((i * *bits + b) % 8));
  }
  return ranks;
}

/// Whether a matrix of this shape and sparsity can have interleaved rows.
static int can_interleave(intptr_t rows, intptr_t columns, intptr_t group, struct pattern p) {
  return rows % 16 == 0 && columns % 64 == 0 && group % 64 == 0 && (p.of == 1 || p.of == 4);
}

static struct matrix random_matrix(
    intptr_t rows, intptr_t columns, int bits, intptr_t group, struct pattern p, int zeros) {
  const intptr_t groups = (columns + group - 1) / group, runs = (columns + 63) / 64;
  struct matrix m = {
      .packed = {
          .rows = rows, .columns = columns, .bits = bits, .group_size = group,
          .scale_exponent = -1}};
  int64_t codes = rows * runs * 64;
  if (p.of == 1) {
    m.mask = calloc((size_t)(rows * runs), 8);
    m.starts = calloc((size_t)rows + 1, sizeof(int64_t));
    codes = 0;
    for (intptr_t r = 0; r < rows; r++) {
      for (intptr_t c = 0; c < columns; c++)
        if (random_below(3) > 0) m.mask[r * runs * 8 + c / 8] |= (uint8_t)(1 << c % 8), codes++;
      m.starts[r + 1] = codes;
    }
  } else if (p.of > 1) {
    m.ranks = random_ranks(rows, columns, p, &m.packed.rank_bits);
    m.packed.kept = p.kept;
    m.packed.of = p.of;
    const intptr_t rest = columns % p.of;
    codes = rows * (columns / p.of * p.kept + (rest < p.kept ? rest : p.kept));
  }
  m.codes = random_bytes((codes + 63) / 64 * 8 * bits);
  m.scales = random_bytes(rows * groups * 2);
  for (intptr_t i = 0; i < rows * groups; i++)
    m.scales[2 * i + 1] = (m.scales[2 * i + 1] & 0x87) | 0x20;  // magnitudes of about 2⁻⁷ … 2⁻⁶
  if (zeros) m.zeros = random_bytes((rows * groups + 63) / 64 * 8 * bits);
  m.packed.codes = m.codes;
  m.packed.scales = m.scales;
  m.packed.zeros = m.zeros;
  m.packed.mask = m.mask;
  m.packed.row_starts = m.starts;
  m.packed.ranks = m.ranks;
  return m;
}

/// A random matrix with interleaved rows.
static struct matrix random_tiles(
    intptr_t rows, intptr_t columns, int bits, intptr_t group, struct pattern p, int zeros) {
  struct matrix m = random_matrix(rows / 16, 16 * columns, bits, group, p, zeros);
  m.packed.rows = rows;
  m.packed.columns = columns;
  m.packed.interleaved = 1;
  // With a short last group, sixteen rows have more groups than one row sixteen times as long.
  const intptr_t all = rows * ((columns + group - 1) / group);
  struct matrix scales = random_matrix(1, all * 4, bits, 4, (struct pattern){0, 0}, zeros);
  free(m.scales), free(m.zeros);
  m.packed.scales = m.scales = scales.scales;
  m.packed.zeros = m.zeros = scales.zeros;
  free(scales.codes);
  return m;
}

static void release(struct matrix *m) {
  free(m->codes), free(m->scales), free(m->zeros), free(m->mask), free(m->ranks), free(m->starts);
}
