#pragma once
#include <stdint.h>

/// Rows of scores with a causal edge: of the n scores of row i, `stride` apart from the next row's,
/// the first clamp(edge + i, 0, n) are visible; pass edge = n for no mask.
struct ctk_scores {
  float *scores;
  intptr_t stride, rows, n, edge;
  float scale;  // scores are still to be multiplied by it; > 0
};

/// One step of a softmax over rows that come in blocks (Milakov and Gimelshein, arXiv 1805.02867).
/// Per row: replaces the visible scores with exp(scale·s − m′) where m′ = max(m, scale·max s), and
/// the others with 0; updates highest (m → m′) and sum (l → l·c + Σ); correction = c = exp(m − m′):
/// whatever was summed so far with the old maximum must be multiplied by it. Start with highest =
/// −∞ and sum = 0. Where `keep` is 0, the scores are left as they are.
void ctk_online_softmax(
    const struct ctk_scores *block, float *highest, float *sum, float *correction, int keep);
void ctk_online_softmax_ref(
    const struct ctk_scores *block, float *highest, float *sum, float *correction, int keep);

/// The probabilities again, once log Σ exp is known per row: exp(scale·s − log_sum), 0 where masked.
void ctk_softmax_again(const struct ctk_scores *block, const float *log_sum);
void ctk_softmax_again_ref(const struct ctk_scores *block, const float *log_sum);

/// The softmax's backward step, where the block's scores are the gradients to the probabilities p:
/// ds = scale·p·(dp − delta) with delta = Σ p·dp over the whole row, 0 where masked.
void ctk_softmax_backward(const struct ctk_scores *block, const float *p, const float *delta);
void ctk_softmax_backward_ref(const struct ctk_scores *block, const float *p, const float *delta);
