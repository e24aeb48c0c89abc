#pragma once
#include <stdint.h>

/// One step of a softmax over a row that comes in blocks (Milakov and Gimelshein, arXiv 1805.02867):
/// s[0..<n] are the next scores, still to be multiplied by `scale`. Replaces them with
/// exp(scale·s − m′) where m′ = max(m, scale·max s), updates *highest (m → m′) and *sum
/// (l → l·c + Σ), and returns c = exp(m − m′) in *correction: what was summed so far with the old
/// maximum must be multiplied by it. Start with *highest = −∞, *sum = 0. n = 0 changes nothing.
void ctk_online_softmax(
    float *s, intptr_t n, float scale, float *highest, float *sum, float *correction);
void ctk_online_softmax_ref(
    float *s, intptr_t n, float scale, float *highest, float *sum, float *correction);

/// s = exp(scale·s − log_sum): the probabilities again, once log Σ exp is known.
void ctk_softmax_again(float *s, intptr_t n, float scale, float log_sum);
void ctk_softmax_again_ref(float *s, intptr_t n, float scale, float log_sum);

/// The softmax's backward step: ds = scale·p·(dp − delta), where delta = Σ p·dp over the whole row;
/// written over dp.
void ctk_softmax_backward(const float *p, float *dp, intptr_t n, float scale, float delta);
void ctk_softmax_backward_ref(const float *p, float *dp, intptr_t n, float scale, float delta);
