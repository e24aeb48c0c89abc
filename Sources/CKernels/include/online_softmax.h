#pragma once
#include <stdint.h>

/// A block of attention scores [rows, n], rows `stride` apart, under a causal mask: the first
/// clamp(edge + i, 0, n) scores of row i are visible. edge = n means no mask.
struct ctk_scores {
  float *scores;
  intptr_t stride, rows, n, edge;
  float scale;  // the factor of the scores, > 0, applied by the kernels
};

/// One block of an online softmax (Milakov and Gimelshein, arXiv 1805.02867). In each row, with m
/// the highest score so far and m′ = max(m, scale·max s): visible scores are replaced with
/// exp(scale·s − m′) and the others with 0, highest is set to m′, correction to c = exp(m − m′),
/// and sum to sum·c + Σ exp(scale·s − m′). Other sums relative to m must be multiplied by c. Start
/// with highest = −∞ and sum = 0. If `keep` is 0, the scores aren't changed.
void ctk_online_softmax(
    const struct ctk_scores *block, float *highest, float *sum, float *correction, int keep);
void ctk_online_softmax_ref(
    const struct ctk_scores *block, float *highest, float *sum, float *correction, int keep);

/// Replaces scores with probabilities exp(scale·s − log_sum), 0 where masked, given each row's
/// log_sum = log Σ exp(scale·s).
void ctk_softmax_again(const struct ctk_scores *block, const float *log_sum);
void ctk_softmax_again_ref(const struct ctk_scores *block, const float *log_sum);

/// The backward pass of the softmax: replaces dp, the gradients with respect to the probabilities
/// p, stored as the block's scores, with ds = scale·p·(dp − delta), 0 where masked. delta is Σ p·dp
/// over the whole row.
void ctk_softmax_backward(const struct ctk_scores *block, const float *p, const float *delta);
void ctk_softmax_backward_ref(const struct ctk_scores *block, const float *p, const float *delta);
