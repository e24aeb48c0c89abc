// The entry points of the decode products, which choose a kernel by processor and by the weights'
// layout.
#include "decode.h"

#include "decode_kernels.h"
#include "dispatch.h"
#include "thread_space.h"

/// The kernel for a matrix at the calling thread's level; null if there is only the plain twin.
static const struct ctk_decode_kernel *kernel_for(const struct ctk_packed *w) {
  switch (ctk_decode_isa()) {
#if defined(__x86_64__)
    case ctk_decode_avx512: return w->interleaved ? &ctk_avx512_tiles : &ctk_avx512_rows;
    case ctk_decode_avx2: return w->interleaved ? &ctk_avx2_tiles : &ctk_avx2_rows;
#elif defined(__aarch64__)
    case ctk_decode_dotprod: return w->interleaved ? &ctk_dotprod_tiles : &ctk_dotprod_rows;
    case ctk_decode_neon: return w->interleaved ? &ctk_neon_tiles : &ctk_neon_rows;
#endif
    default: return 0;
  }
}

intptr_t ctk_decode_scratch(const struct ctk_packed *w) {
  const struct ctk_decode_kernel *kernel = kernel_for(w);
  // ctk_decode_multiply aligns the start to a cache line.
  return (kernel ? kernel->scratch(w) : 0) + ctk_cache_line - 1;
}

void ctk_decode_multiply(
    const struct ctk_packed *w, intptr_t first, intptr_t last, const struct ctk_decode_inputs *x,
    float *y, intptr_t ldy, uint8_t *scratch) {
  const struct ctk_decode_kernel *kernel = kernel_for(w);
  if (first >= last) return;
  if (!kernel) {
    ctk_decode_multiply_ref(w, first, last, x, y, ldy);
    return;
  }
  scratch += -(uintptr_t)scratch % ctk_cache_line;
  kernel->multiply(w, first, last, x, y, ldy, scratch);
}

void ctk_decode_run(
    const struct ctk_decode_job *jobs, intptr_t count, intptr_t first, intptr_t last) {
  for (intptr_t i = 0; i < count; i++) {
    const struct ctk_decode_job *job = jobs + i;
    const struct ctk_weight *w = job->weight;
    const intptr_t top = first > 0 ? first : 0, end = last < w->rows ? last : w->rows;
    first -= w->rows;
    last -= w->rows;
    if (top >= end) continue;
    if (w->packed)
      ctk_decode_multiply(
          w->packed, top, end, job->rounded, job->y, job->ldy,
          ctk_thread_space((size_t)ctk_decode_scratch(w->packed)));
    else
      ctk_decode_multiply_half(w, top, end, job->x, job->ldx, job->rows, job->y, job->ldy);
  }
}
