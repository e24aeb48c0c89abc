#pragma once

// Kernels in C. A kernel that is compiled once per level, or optimised otherwise, is declared next
// to a plain reference twin (`_ref`), and the tests compare the two. Plain code has no twin: the
// GGUF dequantizers (gguf_blocks.h) are checked against golden values. Callers check shapes;
// kernels don't check bounds.
#include "activation.h"
#include "attention_shares.h"
#include "cached_attention.h"
#include "decode.h"
#include "dispatch.h"
#include "divergence.h"
#include "dot_rows.h"
#include "drop_lowest.h"
#include "elementwise.h"
#include "gemm.h"
#include "gemm_bf16.h"
#include "gguf_blocks.h"
#include "gptq.h"
#include "layer_norm.h"
#include "masked_least_squares.h"
#include "online_softmax.h"
#include "rms_norm.h"
#include "rotary.h"
#include "swiglu.h"
#include "top_tokens.h"
#include "unpack_planar.h"
#include "weight_rows.h"
