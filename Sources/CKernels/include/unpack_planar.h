#pragma once
#include <stdint.h>

/// A quantized weight matrix in planar packing. Codes are stored in blocks of 64, of 8·bits bytes
/// each:
///   8 bits: byte i = code[i]
///   4 bits: byte i = code[i] | code[32 + i] << 4                            (i < 32)
///   2 bits: byte i = code[i] | code[16 + i] << 2 | code[32 + i] << 4 | code[48 + i] << 6
///   3 bits: the low two bits as for 2 bits (16 bytes), then bit j of 8 bytes = bit 2 of code[j]
/// w = (code − zero)·scale·2^scale_exponent.
struct ctk_packed {
  intptr_t rows, columns;
  int bits;             // 2, 3, 4 or 8
  intptr_t group_size;  // columns per scale; the last group of a row may be shorter
  int scale_exponent;   // −64 … 64
  const uint8_t *codes;   // each row padded to whole blocks; if sparse, one stream of survivors
  const uint8_t *scales;  // float16, [rows, groups]
  const uint8_t *zeros;   // codes over the flattened [rows·groups]; null: 2^(bits − 1) everywhere
  const uint8_t *mask;    // bit j of a row = column j is kept; rows padded to 64; null: all
  const int64_t *row_starts;  // with a mask: survivors before each row
  // n:m sparsity: `kept` of every `of` columns (at most 32) survive; a last group of fewer than
  // `kept` columns keeps them all. Each group's combination is stored as its rank, Σ C(pᵢ, i) over
  // its ascending positions, in `rank_bits` bits. Null: not n:m sparse. Never together with a mask.
  const uint8_t *ranks;
  int kept, of, rank_bits;
  // Whether the rows of a sparse matrix are interleaved, sixteen to a tile. Masks, ranks and codes
  // are then those of a matrix [rows / 16, 16·columns] that has the weight of row 16·t + i, column
  // 4·q + c at row t, column 64·q + 4·i + c; row_starts has an element per row of that matrix.
  // Scales and zeros are [rows / 16, groups, 16]. Rows are a multiple of 16, columns and group_size
  // of 64.
  int interleaved;
};

/// Dequantizes rows first..<last to rows of `out`, `stride` floats apart; 0 where masked out.
void ctk_unpack_planar(
    const struct ctk_packed *w, intptr_t first, intptr_t last, float *out, intptr_t stride);
void ctk_unpack_planar_ref(
    const struct ctk_packed *w, intptr_t first, intptr_t last, float *out, intptr_t stride);

/// Dequantizes columns first..<last of `count` rows from `row` on, to the bits of
/// ctk_unpack_planar.
void ctk_unpack_rows(
    const struct ctk_packed *w, intptr_t row, intptr_t count, intptr_t first, intptr_t last,
    float *out, intptr_t stride);

/// Converts n float16 or bfloat16 values (little-endian, any alignment) to float32, exactly.
void ctk_widen_f16(const uint8_t *in, float *out, intptr_t n);
void ctk_widen_f16_ref(const uint8_t *in, float *out, intptr_t n);
void ctk_widen_bf16(const uint8_t *in, float *out, intptr_t n);
void ctk_widen_bf16_ref(const uint8_t *in, float *out, intptr_t n);

/// counts[r] = the number of bits set in row r, for rows of `columns` bits padded to whole words of
/// 64 bits. Returns the first row whose padding isn't zero, or `rows` if there is none.
intptr_t ctk_count_mask(const uint8_t *mask, intptr_t rows, intptr_t columns, int64_t *counts);
intptr_t ctk_count_mask_ref(const uint8_t *mask, intptr_t rows, intptr_t columns, int64_t *counts);
