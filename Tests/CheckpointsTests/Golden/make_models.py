"""Writes the tests' tiny models: Hugging Face folders and GGUF files with random weights and odd sizes.

usage: make_models.py OUT     (packages: Tests/Golden/requirements.txt; `make golden` runs it)

OUT/NAME.json describes the model NAME: for each tensor the shape, the type in the file, the first and last value and a
checksum (facts.py), and the inverse frequencies of the rotary embedding as transformers computes them.
"""
import json
import os
import pathlib
import shutil
import sys

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from facts import facts

os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
TYPE = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


def build(config, seed):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    return model


def write_facts(name, config, tensors):
    inverse = AutoModelForCausalLM.from_config(config).model.rotary_emb.inv_freq.tolist()  # never rounded to half
    pathlib.Path(f"{name}.json").write_text(
        json.dumps({"inverse_frequencies": inverse, "tensors": tensors}, indent=0) + "\n")


def named(model, config):
    weights = dict(model.state_dict())
    if config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    return weights


def folder(name, config, seed, dtype=torch.float32, shard=None, old_spelling=False):
    model = build(config, seed).to(dtype)
    shutil.rmtree(name, ignore_errors=True)
    model.save_pretrained(name, **({"max_shard_size": shard} if shard else {}))
    path = pathlib.Path(name, "config.json")
    settings = json.loads(path.read_text())
    if old_spelling:  # the keys of transformers 4
        rope = settings.pop("rope_parameters")
        settings["rope_theta"] = rope.pop("rope_theta")
        kind = rope.pop("rope_type")
        settings["rope_scaling"] = None if kind == "default" else {"type": kind, **rope}
        settings.pop("head_dim", None)
        settings["torch_dtype"] = settings.pop("dtype")
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    write_facts(name, config, {
        key: facts(value.float().numpy(), TYPE[dtype]) for key, value in named(model, config).items()})
    return model


# ---- Hugging Face folders

tied = LlamaConfig(vocab_size=53, hidden_size=24, intermediate_size=37, num_hidden_layers=2, num_attention_heads=3,
                   num_key_value_heads=1, max_position_embeddings=128, rms_norm_eps=1e-5, tie_word_embeddings=True)
folder("llama-tied", tied, seed=1)

llama3 = LlamaConfig(vocab_size=41, hidden_size=20, intermediate_size=33, num_hidden_layers=3, num_attention_heads=2,
                     num_key_value_heads=2, head_dim=14, max_position_embeddings=512, tie_word_embeddings=False,
                     bos_token_id=3, eos_token_id=[4, 5],
                     rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0,
                                      "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                      "original_max_position_embeddings": 64})
folder("llama3-sharded", llama3, seed=2, dtype=torch.bfloat16, shard="9KB")

qwen = Qwen2Config(vocab_size=47, hidden_size=20, intermediate_size=31, num_hidden_layers=2, num_attention_heads=5,
                   num_key_value_heads=1, max_position_embeddings=256, rms_norm_eps=1e-6, tie_word_embeddings=False)
folder("qwen2", qwen, seed=3, dtype=torch.float16)

mistral = MistralConfig(vocab_size=31, hidden_size=12, intermediate_size=19, num_hidden_layers=1,
                        num_attention_heads=2, num_key_value_heads=1, head_dim=6, max_position_embeddings=64,
                        sliding_window=16, tie_word_embeddings=False,
                        rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0})
folder("mistral-old", mistral, seed=4, old_spelling=True)

def qwen3():
    return Qwen3Config(vocab_size=43, hidden_size=20, intermediate_size=31, num_hidden_layers=2, num_attention_heads=4,
                       num_key_value_heads=2, head_dim=8, max_position_embeddings=256, rms_norm_eps=1e-6,
                       tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})


folder("qwen3", qwen3(), seed=9, dtype=torch.bfloat16)

# ---- GGUF files

LAYER = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}
TOP = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
       "lm_head.weight": "output.weight"}


def gguf_name(name):
    if name in TOP:
        return TOP[name]
    _, _, layer, rest = name.split(".", 3)
    stem, end = rest.rsplit(".", 1)
    return f"blk.{layer}.{LAYER[stem]}.{end}"


def permuted(rows, heads):
    """llama.cpp's order of q and k rows: within a head, the two halves interleaved."""
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def unpermuted(rows, heads):
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, half, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def write_gguf(name, config, seed, arch, types, factors=None):
    model = build(config, seed)
    writer = gguf.GGUFWriter(f"{name}.gguf", arch)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(head)
    if head * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(head)
        writer.add_value_length(head)
    if config.rope_parameters["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config.rope_parameters["factor"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([f"t{i}".encode() for i in range(config.vocab_size)])
    writer.add_token_types([3] * 3 + [1] * (config.vocab_size - 3))
    writer.add_token_merges(["t 1", "t 2"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)
    tensors = {}
    rng = np.random.default_rng(seed)
    for key, value in named(model, config).items():
        value = value.numpy()
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(key.split(".")[-2])
        if arch != "llama":
            heads = None
        stored = permuted(value, heads) if heads else value
        kind = types(key, value)
        if kind.name.endswith("_K"):  # the package can't write these types: random blocks with moderate scales
            weights, size = gguf.GGML_QUANT_SIZES[kind]
            raw = rng.integers(0, 256, (value.shape[0], value.shape[1] // weights, size), dtype=np.uint8)
            for place in ([208] if kind.name == "Q6_K" else [0, 2]):
                scale = rng.uniform(1e-4, 1e-3, raw.shape[:2]).astype(np.float16)
                raw[..., place:place + 2] = scale[..., None].view(np.uint8)
            raw = raw.reshape(value.shape[0], -1)
        else:
            raw = gguf.quants.quantize(np.ascontiguousarray(stored), kind)
        writer.add_tensor(gguf_name(key), raw, raw_shape=raw.shape, raw_dtype=kind)
        back = gguf.quants.dequantize(raw, kind)
        tensors[key] = facts(unpermuted(back, heads) if heads else back, kind.name)
    if factors is not None:
        writer.add_tensor("rope_freqs.weight", factors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    write_facts(name, config, tensors)


T = gguf.GGMLQuantizationType
plain = LlamaConfig(vocab_size=23, hidden_size=18, intermediate_size=29, num_hidden_layers=2, num_attention_heads=3,
                    num_key_value_heads=1, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=True,
                    rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0})
by_layer = lambda key, value: (  # noqa: E731
    T.F32 if value.ndim == 1 else T.F32 if ".0." in key else T.BF16 if "k_proj" in key else T.F16)
write_gguf("llama-plain", plain, 5, "llama", by_layer)

quantized = LlamaConfig(vocab_size=16, hidden_size=256, intermediate_size=32, num_hidden_layers=1,
                        num_attention_heads=4, num_key_value_heads=2, head_dim=8, max_position_embeddings=64,
                        tie_word_embeddings=False)
KINDS = {"embed_tokens": T.Q6_K, "q_proj": T.Q4_K, "k_proj": T.Q5_K, "v_proj": T.Q6_K, "o_proj": T.Q4_1,
         "gate_proj": T.Q8_0, "up_proj": T.Q4_0, "down_proj": T.Q5_1, "lm_head": T.Q5_0}
write_gguf("llama-quantized", quantized, 6, "llama",
           lambda key, value: T.F32 if value.ndim == 1 else KINDS[key.split(".")[-2]])

scaled = LlamaConfig(vocab_size=19, hidden_size=16, intermediate_size=21, num_hidden_layers=1, num_attention_heads=2,
                     num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True,
                     rope_parameters={**llama3.rope_parameters})
inverse = AutoModelForCausalLM.from_config(scaled).model.rotary_emb.inv_freq.numpy()
base = 1.0 / 500000.0 ** (np.arange(0, 8, 2) / 8)
write_gguf("llama3-factors", scaled, 7, "llama", lambda key, value: T.F32, (base / inverse).astype(np.float32))

biased = Qwen2Config(vocab_size=21, hidden_size=12, intermediate_size=15, num_hidden_layers=1, num_attention_heads=3,
                     num_key_value_heads=1, max_position_embeddings=64, rms_norm_eps=1e-6, tie_word_embeddings=False)
write_gguf("qwen2-plain", biased, 8, "qwen2", lambda key, value: T.F32 if value.ndim == 1 else T.F16)

write_gguf("qwen3-plain", qwen3(), 10, "qwen3", lambda key, value: T.F32 if value.ndim == 1 else T.F16)
