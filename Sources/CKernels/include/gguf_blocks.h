#pragma once

#include <stddef.h>
#include <stdint.h>

// Dequantization of GGUF blocks to float32. Each function reads `blocks` whole blocks from `in`, at
// any alignment, and writes their weights to `out`, which must not overlap `in`. Results are exact:
// operations are those of the formulas in gguf_blocks.c, never fused.

void ctk_gguf_q4_0(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q4_1(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q5_0(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q5_1(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q8_0(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q4_k(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q5_k(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q6_k(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);

/// Unquantized little-endian values to float32, exactly; `count` values.
void ctk_gguf_f16(const uint8_t *_Nonnull in, float *_Nonnull out, size_t count);
void ctk_gguf_bf16(const uint8_t *_Nonnull in, float *_Nonnull out, size_t count);
void ctk_gguf_f32(const uint8_t *_Nonnull in, float *_Nonnull out, size_t count);

/// The index of the first NaN or infinity among `count` values; `count` if all are finite.
size_t ctk_first_non_finite(const float *_Nonnull values, size_t count);
