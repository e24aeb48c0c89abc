#pragma once
#include <stdint.h>

/// A weight matrix in planar packing. In blocks of 64 codes, 8·bits bytes each:
///   8 bits: byte i = code[i]
///   4 bits: byte i = code[i] | code[32 + i] << 4                            (i < 32)
///   2 bits: byte i = code[i] | code[16 + i] << 2 | code[32 + i] << 4 | code[48 + i] << 6
///   3 bits: the low two bits as above (16 bytes), then bit j of 8 bytes = bit 2 of code[j]
/// w = (code − zero)·scale·2^scale_exponent.
struct ctk_packed {
  intptr_t rows, columns;
  int bits;             // 2, 3, 4 or 8
  intptr_t group_size;  // columns per scale; the last group of a row may be shorter
  int scale_exponent;   // −64 … 64
  const uint8_t *codes;   // each row padded to whole blocks; where sparse: survivors, one stream
  const uint8_t *scales;  // float16, [rows, groups]
  const uint8_t *zeros;   // codes over the flattened [rows·groups]; null: 2^(bits − 1) everywhere
  const uint8_t *mask;    // bit j of a row = column j is kept; rows padded to 64; null: all
  const int64_t *row_starts;  // with a mask: survivors before each row
  // n:m sparsity: of every `of` columns (at most 32) `kept` survive (a short last group keeps at most
  // as many); each group's combination is stored as its rank, Σ C(pᵢ, i) over its ascending
  // positions, in `rank_bits` bits. Null: not n:m sparse. Never together with a mask.
  const uint8_t *ranks;
  int kept, of, rank_bits;
  // Whether the rows of a sparse matrix are interleaved, sixteen to a tile: masks, ranks and codes
  // are then those of the matrix [rows / 16, 16·columns] with the weight of row 16·t + i, column
  // 4·q + c at row t, column 64·q + 4·i + c; row_starts counts its rows. Scales and zeros are
  // [rows / 16, groups, 16]. Rows are a multiple of 16, columns and group_size of 64.
  int interleaved;
};

/// Decodes rows first..<last into out, `stride` floats apart.
void ctk_unpack_planar(
    const struct ctk_packed *w, intptr_t first, intptr_t last, float *out, intptr_t stride);
void ctk_unpack_planar_ref(
    const struct ctk_packed *w, intptr_t first, intptr_t last, float *out, intptr_t stride);

/// Columns first..<last of `count` rows from `row` on, the same bits.
void ctk_unpack_rows(
    const struct ctk_packed *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
    float *out, intptr_t stride);

/// float16 and bfloat16 (little-endian, any alignment) to float32, exact.
void ctk_widen_f16(const uint8_t *in, float *out, intptr_t n);
void ctk_widen_f16_ref(const uint8_t *in, float *out, intptr_t n);
void ctk_widen_bf16(const uint8_t *in, float *out, intptr_t n);
void ctk_widen_bf16_ref(const uint8_t *in, float *out, intptr_t n);

/// counts[r] = the number of bits set in row r, for rows of `columns` bits padded to whole words of
/// 64. Returns the first row whose padding isn't zero, or `rows` if all are clean.
intptr_t ctk_count_mask(const uint8_t *mask, intptr_t rows, intptr_t columns, int64_t *counts);
intptr_t ctk_count_mask_ref(const uint8_t *mask, intptr_t rows, intptr_t columns, int64_t *counts);
