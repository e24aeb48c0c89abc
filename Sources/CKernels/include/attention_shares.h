#pragma once
#include <stdint.h>

/// Softmax sums of rows whose keys come in parts (several prefixes, and the rows' own keys),
/// computed by `ctk_online_softmax` for each part separately.
struct ctk_attention_parts {
  const float *highest, *sum;  // [parts, rows]: m and Σ exp(score − m) of each part
  intptr_t parts, rows;
};

/// shares[p] += Σ over rows of part p's share of the softmax over all parts,
/// sum[p]·exp(highest[p]) / Σ_j sum[j]·exp(highest[j]). The shares of a row add up to 1.
void ctk_attention_shares(const struct ctk_attention_parts *parts, double *shares);
void ctk_attention_shares_ref(const struct ctk_attention_parts *parts, double *shares);
