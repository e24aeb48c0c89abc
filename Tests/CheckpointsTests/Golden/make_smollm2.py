"""Writes OUT/smollm2.json: facts about some tensors of SmolLM2-135M-Instruct (Q4_1), dequantized by the gguf package.

usage: make_smollm2.py OUT MODEL.gguf     (packages: Tests/Golden/requirements.txt; `make golden` runs it)
"""
import json
import pathlib
import sys

from gguf import GGUFReader
from gguf.quants import dequantize

from facts import facts

NAMES = {
    "token_embd.weight": ("model.embed_tokens.weight", None),
    "output_norm.weight": ("model.norm.weight", None),
    "blk.0.attn_q.weight": ("model.layers.0.self_attn.q_proj.weight", 9),
    "blk.17.attn_k.weight": ("model.layers.17.self_attn.k_proj.weight", 3),
    "blk.17.attn_v.weight": ("model.layers.17.self_attn.v_proj.weight", None),
    "blk.29.ffn_down.weight": ("model.layers.29.mlp.down_proj.weight", None),
    "blk.29.ffn_norm.weight": ("model.layers.29.post_attention_layernorm.weight", None),
}

result = {}
for tensor in GGUFReader(sys.argv[2]).tensors:
    if tensor.name in NAMES:
        name, heads = NAMES[tensor.name]
        values = dequantize(tensor.data, tensor.tensor_type)
        if heads:  # undo llama.cpp's order of q and k rows
            half = values.shape[0] // heads // 2
            values = values.reshape(heads, half, 2, -1).swapaxes(1, 2).reshape(values.shape)
        result[name] = facts(values, tensor.tensor_type.name)
pathlib.Path(sys.argv[1], "smollm2.json").write_text(json.dumps(result, indent=0) + "\n")
