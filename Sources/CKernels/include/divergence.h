#pragma once
#include <stdint.h>

/// A tile of two models' logits on their way to KL(teacher ‖ student) (Hinton et al.,
/// arXiv 1503.02531, at temperature 1).
struct ctk_divergence {
  float *student;        // [rows, n], `stride` apart; becomes p_student − p_teacher
  const float *teacher;  // likewise
  intptr_t stride, rows, n;
  const float *student_log_sum, *teacher_log_sum;  // per row, log Σ exp over the whole vocabulary
};

/// divergence[row] += Σ over the tile of p_teacher·(log p_teacher − log p_student), in nats.
void ctk_divergence(const struct ctk_divergence *tile, float *divergence);
void ctk_divergence_ref(const struct ctk_divergence *tile, float *divergence);
