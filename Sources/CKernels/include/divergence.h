#pragma once
#include <stdint.h>

/// A tile of two models' logits, for KL(teacher ‖ student) (Hinton et al., arXiv 1503.02531, at
/// temperature 1).
struct ctk_divergence {
  float *student;        // [rows, n], `stride` apart; replaced with p_student − p_teacher
  const float *teacher;  // [rows, n], `stride` apart
  intptr_t stride, rows, n;
  const float *student_log_sum, *teacher_log_sum;  // [rows]: log Σ exp over the whole vocabulary
};

/// divergence[row] += Σ over the tile of p_teacher·(log p_teacher − log p_student), in nats.
void ctk_divergence(const struct ctk_divergence *tile, float *divergence);
void ctk_divergence_ref(const struct ctk_divergence *tile, float *divergence);
