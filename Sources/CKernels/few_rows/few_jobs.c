// Pieces of several products of few rows, one after another.
#include "few_rows.h"
#include "thread_space.h"

void ctk_run_few(const struct ctk_few_job *jobs, intptr_t count, intptr_t first, intptr_t last) {
  for (intptr_t i = 0; i < count; i++) {
    const struct ctk_few_job *job = jobs + i;
    const struct ctk_weight *w = job->weight;
    const intptr_t top = first > 0 ? first : 0, end = last < w->rows ? last : w->rows;
    first -= w->rows;
    last -= w->rows;
    if (top >= end) continue;
    if (w->packed)
      ctk_multiply_few(
          w->packed, top, end, job->rounded, job->y, job->ldy,
          ctk_thread_space((size_t)ctk_few_scratch(w->packed)));
    else
      ctk_multiply_few_half(w, top, end, job->x, job->ldx, job->rows, job->y, job->ldy);
  }
}
