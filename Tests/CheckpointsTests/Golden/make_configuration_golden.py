"""Writes the keys that transformers and gguf know of a model, and what transformers makes of keys that disagree.

usage: make_configuration_golden.py OUT     (packages: Tests/Golden/requirements.txt; `make golden` runs it)

OUT/configuration-keys.json: the keys of config.json by family ("common" are every family's), those inside rope_parameters, and
those of GGUF without the architecture's name ("gguf") and of whole GGUF files ("gguf_file").
OUT/configuration-cases.json: {"base", "cases": [{"name", "config", "inverse_frequencies", "windows"}]}; "config" are the changes of
the base, "windows" the length of each layer's attention window or null.
"""
import dataclasses
import inspect
import json
import pathlib
import re
import sys

import gguf
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedConfig
from transformers.modeling_rope_utils import RopeParameters

transformers.logging.set_verbosity_error()
OUT = pathlib.Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)
FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "opt"]


def popped(function):
    """The keys that a function takes out of the keyword arguments: those of older files."""
    pattern = r'kwargs\.(?:pop|get)\(\s*"([A-Za-z_]+)"|"([a-z_]+)" in kwargs'
    return {f for found in re.findall(pattern, inspect.getsource(function)) for f in found if f}


def gguf_keys():
    found = []
    classes = [gguf.constants.Keys]
    while classes:
        for name, value in vars(classes.pop()).items():
            if isinstance(value, type) and not name.startswith("_"): classes.append(value)
            elif isinstance(value, str) and not name.startswith("_"): found.append(value)
    return found


common = {f.name for f in dataclasses.fields(PreTrainedConfig)} | popped(PreTrainedConfig.__post_init__)
common |= set(GenerationConfig._get_default_generation_params()) | {"model_type", "quantization_config", "auto_map"}
common -= {"rope_scaling", "rope_theta", "partial_rotary_factor"}
keys = {"common": sorted(common)}
for family in FAMILIES:
    kind = type(AutoConfig.for_model(family))
    own = {f.name for f in dataclasses.fields(kind)} | popped(kind.__post_init__)
    if hasattr(kind(), "rope_parameters"):
        own |= popped(PreTrainedConfig.convert_rope_params_to_dict) | {"original_max_position_embeddings"}
    keys[family] = sorted(own - common)
keys["rope"] = sorted({*RopeParameters.__annotations__, "type"})
known = gguf_keys()
keys["gguf"] = sorted(k.removeprefix("{arch}.") for k in known if k.startswith("{arch}."))
keys["gguf_file"] = sorted(
    k for k in known if k.startswith(("general.", "split.", "adapter.type"))
    and not re.search(r"general\.(name|author|version|organization|finetune|basename|description|quantized_by|size_label"
                      r"|license|url|doi|uuid|repo_url|source|base_model|dataset|tags|languages)", k))
(OUT / "configuration-keys.json").write_text(json.dumps(keys, indent=1) + "\n")

BASE = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
SLIDING = {"use_sliding_window": True, "sliding_window": 16}
CASES = {
    "plain": ("llama", {}),
    "theta outside": ("llama", {"rope_theta": 500.0}),
    "theta inside": ("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 700.0}}),
    "theta inside and outside": ("llama", {"rope_theta": 500.0, "rope_parameters": {"rope_type": "default", "rope_theta": 700.0}}),
    "theta in rope_scaling and outside": ("llama", {"rope_theta": 500.0, "rope_scaling": {"type": "linear", "factor": 2.0, "rope_theta": 700.0}}),
    "scaling before parameters": ("llama", {"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 700.0}}),
    "scaling before parameters, theta outside": ("qwen2", {"rope_theta": 500.0, "rope_scaling": {"rope_type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "default", "rope_theta": 700.0}}),
    "empty scaling": ("llama", {"rope_scaling": {}, "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 700.0}}),
    "null scaling": ("mistral", {"rope_scaling": None, "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 700.0}}),
    "rope_type before type": ("llama", {"rope_scaling": {"type": "linear", "rope_type": "default", "factor": 2.0}}),
    "type alone": ("llama", {"rope_scaling": {"type": "linear", "factor": 2.0}}),
    "keys of other types": ("llama", {"rope_scaling": {"rope_type": "linear", "factor": 2.0, "beta_fast": 3.0, "attention_factor": 2.0, "mscale": 3.0}}),
    "dynamic": ("llama", {"rope_scaling": {"type": "dynamic", "factor": 2.0}}),
    "dynamic, theta": ("qwen3", {"head_dim": 8, "rope_theta": 500.0, "rope_scaling": {"rope_type": "dynamic", "factor": 4.0}}),
    "llama3, context of the model": ("llama", {"rope_scaling": LLAMA3}),
    "llama3, context inside": ("llama", {"rope_scaling": LLAMA3 | {"original_max_position_embeddings": 64}}),
    "llama3, context inside and outside": ("llama", {"original_max_position_embeddings": 32, "rope_scaling": LLAMA3 | {"original_max_position_embeddings": 64}}),
    "qwen2, no window in use": ("qwen2", {"sliding_window": 16}),
    "qwen2, window beyond the layers": ("qwen2", SLIDING),
    "qwen2, window of no layer": ("qwen2", SLIDING | {"max_window_layers": 4}),
    "qwen2, window of the last layer": ("qwen2", SLIDING | {"max_window_layers": 3}),
    "qwen2, window of all layers": ("qwen2", SLIDING | {"max_window_layers": 0}),
    "qwen2, null window": ("qwen2", {"use_sliding_window": True, "sliding_window": None, "max_window_layers": 0}),
    "qwen2, layer types": ("qwen2", SLIDING | {"layer_types": ["sliding_attention", "full_attention"] * 2}),
    "qwen2, full layer types": ("qwen2", SLIDING | {"max_window_layers": 0, "layer_types": ["full_attention", "attention"] * 2}),
    "qwen3, window of half the layers": ("qwen3", SLIDING | {"head_dim": 8, "max_window_layers": 2}),
    "mistral, default window": ("mistral", {}),
    "mistral, window": ("mistral", {"sliding_window": 16}),
    "mistral, null window": ("mistral", {"sliding_window": None}),
    "mistral, layer types": ("mistral", {"sliding_window": 16, "layer_types": ["sliding_attention"] * 4}),
    "llama, layer types": ("llama", {"layer_types": ["full_attention"] * 4}),
    "llama, a window that its class ignores": ("llama", {"sliding_window": 16, "use_sliding_window": True}),
}


def answer(kind, changes):
    config = AutoConfig.for_model(kind, **BASE, **json.loads(json.dumps(changes)))
    model = AutoModelForCausalLM.from_config(config)
    layers = [layer.self_attn for layer in model.model.layers]
    # Qwen's layers know their windows; Mistral has one mask for all, and LLaMA's is causal.
    if kind == "mistral": windows = [config.sliding_window] * len(layers)
    else: windows = [getattr(layer, "sliding_window", None) for layer in layers]
    return {"inverse_frequencies": model.model.rotary_emb.inv_freq.tolist(), "windows": windows}


torch.manual_seed(1)
cases = [{"name": name, "config": {"model_type": kind, **changes}, **answer(kind, changes)} for name, (kind, changes) in CASES.items()]
lines = ",\n".join("  " + json.dumps(case) for case in cases)
(OUT / "configuration-cases.json").write_text('{"base": ' + json.dumps(BASE) + ', "cases": [\n' + lines + "\n]}\n")
