#include "divergence.h"

#include <math.h>

#include "vectors.h"

CTK_INLINE void body_of_ctk_divergence(const struct ctk_divergence *t, float *divergence) {
  for (intptr_t row = 0; row < t->rows; row++) {
    float *student = t->student + row * t->stride;
    const float *teacher = t->teacher + row * t->stride;
    const v16 down = v16_all(t->student_log_sum[row]), base = v16_all(t->teacher_log_sum[row]);
    v16 sum = {0};
    intptr_t i = 0;
    for (; i + 16 <= t->n; i += 16) {
      const v16 s = v16_load(student + i) - down, r = v16_load(teacher + i) - base;
      const v16 p = v16_exp(r);
      sum += p * (r - s);
      v16_store(student + i, v16_exp(s) - p);
    }
    if (i < t->n) {
      // Lanes past the end have equal log-probabilities of −100 in both, which contribute 0.
      const intptr_t rest = t->n - i;
      const v16 low = v16_all(-100.0f);
      const v16 s = v16_load_part(student + i, rest, 0) - down;
      const v16 r = v16_load_part(teacher + i, rest, 0) - base;
      float lanes[16];
      for (int j = 0; j < 16; j++) lanes[j] = j < rest ? 1.0f : 0.0f;
      const m16 inside = (m16)(v16_load(lanes) > v16_all(0.5f));
      const v16 kept_s = v16_select(inside, s, low), kept_r = v16_select(inside, r, low);
      const v16 p = v16_exp(kept_r);
      sum += p * (kept_r - kept_s);
      v16_store_part(student + i, v16_exp(kept_s) - p, rest);
    }
    divergence[row] += v16_sum(sum);
  }
}
CTK_KERNEL(
    ctk_divergence, (const struct ctk_divergence *tile, float *divergence), (tile, divergence))

void ctk_divergence_ref(const struct ctk_divergence *t, float *divergence) {
  for (intptr_t row = 0; row < t->rows; row++) {
    double sum = 0;
    for (intptr_t i = 0; i < t->n; i++) {
      float *place = t->student + row * t->stride + i;
      const double s = (double)*place - t->student_log_sum[row];
      const double r = (double)t->teacher[row * t->stride + i] - t->teacher_log_sum[row];
      sum += exp(r) * (r - s);
      *place = (float)(exp(s) - exp(r));
    }
    divergence[row] += (float)sum;
  }
}
