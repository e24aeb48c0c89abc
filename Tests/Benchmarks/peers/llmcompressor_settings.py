"""The settings of the llm-compressor study, in the order of measurement.

A setting is plain data, so that reading it needs no library. `prune` gives the method that removes weights, `quantize` the one
that rounds the remaining weights; a setting with both prunes first. Settings apply to all linear layers of the blocks, not to lm_head.
"""

BLOCK = 128
DAMPENING = 0.01
GROUP = 64


def prune(method, sparsity, pattern=None):
    return {"prune": {"method": method, "sparsity": sparsity, "pattern": pattern}}


def quantize(method, bits, keep_zeros=False):
    return {"quantize": {"method": method, "bits": bits, "group": GROUP, "symmetric": False, "keep_zeros": keep_zeros}}


def joint(pruned, bits, keep_zeros=True):
    return pruned | quantize("gptq", bits, keep_zeros)


SETTINGS = {
    "full": {},
    "gptq-3": quantize("gptq", 3),
    "gptq-4": quantize("gptq", 4),
    "sparsegpt-50": prune("sparsegpt", 0.5),
    "sparsegpt-2:4": prune("sparsegpt", 0.5, "2:4"),
    "sparsegpt-50+gptq-4": joint(prune("sparsegpt", 0.5), 4),
    "wanda-50": prune("wanda", 0.5),
    "rtn-3": quantize("rtn", 3),
    "rtn-4": quantize("rtn", 4),
    "gptq-2": quantize("gptq", 2),
    "sparsegpt-75": prune("sparsegpt", 0.75),
    "sparsegpt-2:4+gptq-4": joint(prune("sparsegpt", 0.5, "2:4"), 4),
    "magnitude-50": prune("magnitude", 0.5),
    "rtn-2": quantize("rtn", 2),
    "sparsegpt-62.5": prune("sparsegpt", 0.625),
    "wanda-2:4": prune("wanda", 0.5, "2:4"),
    "sparsegpt-4:8": prune("sparsegpt", 0.5, "4:8"),
    "wanda-75": prune("wanda", 0.75),
    "magnitude-75": prune("magnitude", 0.75),
    "wanda-62.5": prune("wanda", 0.625),
    "wanda-4:8": prune("wanda", 0.5, "4:8"),
    "magnitude-62.5": prune("magnitude", 0.625),
    "magnitude-2:4": prune("magnitude", 0.5, "2:4"),
    "magnitude-4:8": prune("magnitude", 0.5, "4:8"),
    "gptq-8": quantize("gptq", 8),
    "rtn-8": quantize("rtn", 8),
    "sparsegpt-50+gptq-4, as released": joint(prune("sparsegpt", 0.5), 4, keep_zeros=False),
}
