"""GPTQ that keeps the zeros of a pruned model, by the rule of earlier llm-compressor releases.

Release 0.14 treats a pruned weight like any other: it absorbs its share of the error and becomes nonzero. Earlier releases left
pruned weights out of every update (`preserve_zeros`). This module restores that rule by wrapping the released functions.
"""
import contextlib
import copy

import torch
from compressed_tensors.quantization import ActivationOrdering, QuantizationStrategy, fake_quantize
from llmcompressor.modifiers.gptq import base, gptq_quantize
from llmcompressor.modifiers.gptq.helpers import column_scale_window


@contextlib.contextmanager
def keep_zeros():
    quantize_weight, update = base.quantize_weight, gptq_quantize.gptq_block_update
    kept = None

    def quantize(weights, hessians, quant_args, **rest):
        nonlocal kept
        assert quant_args.actorder == ActivationOrdering.STATIC
        # `quantize_weight` sorts the columns by the same rule.
        order = torch.argsort(torch.diagonal(hessians, dim1=-2, dim2=-1), dim=-1, descending=True)
        kept = torch.gather(weights != 0, -1, order[:, None, :].expand_as(weights))
        return quantize_weight(weights=weights, hessians=hessians, quant_args=quant_args, **rest)

    def block_update(W1, Hinv1, Q1, Err1, losses1, *, scale, zero_point, global_scale, g_idx, quant_args, i1):
        columns = copy.copy(quant_args)
        columns.strategy = QuantizationStrategy.CHANNEL
        width = W1.shape[-1]
        scales, zeros = column_scale_window(
            scale, zero_point, global_scale, g_idx, quant_args, num_rows=W1.shape[-2], i1=i1, i2=i1 + width)
        mask = kept[:, :, i1:i1 + width]
        W1 *= mask  # discards the error that earlier blocks moved onto pruned weights
        for i in range(width):
            w = W1[:, :, i]
            grid = (scales[:, :, i].transpose(0, 1), zeros[:, :, i].transpose(0, 1))
            q = fake_quantize(w.transpose(0, 1), *grid, columns).transpose(0, 1)
            error = (w - q) / Hinv1[:, i, i][:, None]
            Q1[:, :, i], Err1[:, :, i], losses1[:, :, i] = q, error, error.square()
            W1[:, :, i:] -= error.unsqueeze(-1) * Hinv1[:, i, i:].unsqueeze(1) * mask[:, :, i:]

    base.quantize_weight, gptq_quantize.gptq_block_update = quantize, block_update
    try:
        yield
    finally:
        base.quantize_weight, gptq_quantize.gptq_block_update = quantize_weight, update
