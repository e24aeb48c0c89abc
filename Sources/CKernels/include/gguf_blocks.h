#pragma once

#include <stddef.h>
#include <stdint.h>

/// Expansion of GGUF quantization blocks to float32.
///
/// Every function reads `blocks` whole blocks from `in` (no alignment needed) and writes
/// `blocks` times the block's number of weights to `out`. The results are exact in the sense
/// that each float operation is the one written in the comment, never fused.
/// `out` and `in` must not overlap.
void ctk_gguf_q4_0(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q4_1(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q5_0(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q5_1(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q8_0(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q4_k(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q5_k(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);
void ctk_gguf_q6_k(const uint8_t *_Nonnull in, float *_Nonnull out, size_t blocks);

/// Plain little-endian values, one per "block".
void ctk_gguf_f16(const uint8_t *_Nonnull in, float *_Nonnull out, size_t count);
void ctk_gguf_bf16(const uint8_t *_Nonnull in, float *_Nonnull out, size_t count);
void ctk_gguf_f32(const uint8_t *_Nonnull in, float *_Nonnull out, size_t count);

/// The index of the first NaN or infinity among `count` values; `count` where all are finite.
size_t ctk_first_non_finite(const float *_Nonnull values, size_t count);
