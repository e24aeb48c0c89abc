"""Magnitude pruning and Wanda as plain torch loops in float32, to check llm-compressor's results.

usage: plain_baselines.py HF_DIR CALIBRATION.jsonl {magnitude|magnitude-first|wanda} {SHARE|ZEROS:OF} OUT
Among weights of equal cost, `magnitude-first` and `wanda` drop the first ones; `magnitude` drops those with the lowest relative
importance |w| / Σ|row| + |w| / Σ|column|, as ctpack does. The magnitude methods print the number of ties: the weights equal to a
matrix' threshold or, with a pattern, the groups cut between two equal weights. Wanda gathers the statistics of each block from
the outputs of the pruned blocks before it, on the windows of llmcompressor_compress.py. Measure OUT with `ctpack eval`.
"""
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dense_models import LENGTH, WINDOWS, calibration_ids, save

BATCH = 8


def groups(costs, sparsity, by_row):
    """The costs as rows that are pruned independently, and the number of weights to drop per row."""
    if ":" in sparsity:
        zeros, of = map(int, sparsity.split(":"))
        return costs.reshape(-1, of), zeros
    rows = costs if by_row else costs.reshape(1, -1)
    return rows, int(rows.shape[1] * float(sparsity))


def relative_importance(weight):
    """1 / Σ|row| + 1 / Σ|column| for each weight, which orders weights of equal magnitude."""
    size = weight.abs()
    return 1 / size.sum(1, keepdim=True) + 1 / size.sum(0, keepdim=True)


def prune(weight, costs, sparsity, by_row=False, ties=None):
    """Sets the weights with the lowest costs, and among equal costs with the lowest `ties`, to zero; returns the number of ties."""
    rows, count = groups(costs, sparsity, by_row)
    if ties is None:
        order = rows.argsort(dim=1, descending=False, stable=True)
    else:
        by_ties = groups(ties, sparsity, by_row)[0].argsort(dim=1, descending=False, stable=True)
        order = by_ties.gather(1, rows.gather(1, by_ties).argsort(dim=1, descending=False, stable=True))
    weight.view(rows.shape).scatter_(1, order[:, :count], 0)
    last = rows.gather(1, order[:, count - 1:count])
    next_one = rows.gather(1, order[:, count:count + 1])
    return (last == next_one).sum().item() if ":" in sparsity else (rows == last).sum().item()


def linears(module):
    return [(name, part) for name, part in module.named_modules() if isinstance(part, torch.nn.Linear)]


def wanda(model, tokenizer, calibration, sparsity):
    ids = calibration_ids(tokenizer, calibration)
    rows = model.model.embed_tokens(torch.tensor(ids).reshape(WINDOWS, LENGTH))
    positions = torch.arange(LENGTH)[None]
    rotary = model.model.rotary_emb(rows, positions)

    def run(block, rows):
        outputs = [
            block(part, position_embeddings=rotary, position_ids=positions, attention_mask=None) for part in rows.split(BATCH)]
        return torch.cat([output[0] if isinstance(output, tuple) else output for output in outputs])

    for block in model.model.layers:
        energy = {}

        def watch(name):
            def hook(_module, inputs, _output):
                x = inputs[0].double().reshape(-1, inputs[0].shape[-1])
                energy[name] = energy.get(name, 0) + x.pow(2).sum(0)
            return hook

        hooks = [part.register_forward_hook(watch(name)) for name, part in linears(block)]
        run(block, rows)
        for hook in hooks:
            hook.remove()
        for name, part in linears(block):
            prune(part.weight.data, part.weight.data.abs() * energy[name].sqrt().float(), sparsity, by_row=True)
        rows = run(block, rows)


@torch.no_grad()
def main():
    source, calibration, method, sparsity, out = sys.argv[1:6]
    source, out = pathlib.Path(source), pathlib.Path(out)
    torch.set_num_threads(2)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
    if method == "wanda":
        wanda(model, AutoTokenizer.from_pretrained(source), calibration, sparsity)
    else:
        weights = [part.weight.data for _, part in linears(model.model.layers)]
        print("ties:", sum(
            prune(weight, weight.abs(), sparsity, ties=None if method == "magnitude-first" else relative_importance(weight))
            for weight in weights))
    save(model.state_dict(), source, out)


main()
