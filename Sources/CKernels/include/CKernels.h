#pragma once

// Kernels in C, each fast form beside a plain `_ref` twin. Callers (Numerics) check shapes; nothing
// in here checks bounds.
#include "thread_pool.h"
#include "gptq_block.h"
#include "gguf_blocks.h"
