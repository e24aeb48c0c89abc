"""Compresses a model with llm-compressor by one setting of llmcompressor_settings.py, and saves it as a dense float32 model.

usage: llmcompressor_compress.py HF_DIR CALIBRATION.jsonl SETTING OUT [CHECK.txt WINDOWS]
Prints one line of JSON: seconds of the compression (without loading and saving), the share of zeros in the compressed layers,
the SHA-256 of the calibration tokens, and package versions; with CHECK.txt also transformers' perplexity on its first WINDOWS
windows. Calibration: the first 64 windows of 512 tokens of the "text" fields joined by a space, as in llmcompressor_gptq.py.
"""
import contextlib
import hashlib
import importlib.metadata
import json
import math
import pathlib
import struct
import sys
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from dense_models import LENGTH, WINDOWS, calibration_ids, save
from llmcompressor_settings import BLOCK, DAMPENING, SETTINGS

THREADS = 2


def modifiers(setting):
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from llmcompressor.modifiers.pruning import WandaPruningModifier
    from llmcompressor.modifiers.pruning.sparsegpt import SparseGPTModifier
    from llmcompressor.modifiers.quantization import GPTQModifier, QuantizationModifier

    found = []
    if prune := setting.get("prune"):
        common = {
            "sparsity": prune["sparsity"],
            "mask_structure": prune["pattern"] or "0:0",
            "targets": ["Linear"],
            "ignore": ["re:.*lm_head"],
        }
        if prune["method"] == "sparsegpt":
            found.append(SparseGPTModifier(block_size=BLOCK, dampening_frac=DAMPENING, **common))
        else:
            found.append(WandaPruningModifier(**common))
    if quantize := setting.get("quantize"):
        weights = QuantizationArgs(
            num_bits=quantize["bits"], type="int", symmetric=quantize["symmetric"], strategy="group",
            group_size=quantize["group"])
        common = {
            "config_groups": {"group_0": QuantizationScheme(targets=["Linear"], weights=weights)},
            "ignore": ["lm_head"],
        }
        if quantize["method"] == "gptq":
            found.append(GPTQModifier(block_size=BLOCK, dampening_frac=DAMPENING, actorder="static", **common))
        else:
            found.append(QuantizationModifier(**common))
    return found


def block_layers(model):
    return [module for module in model.model.layers.modules() if isinstance(module, torch.nn.Linear)]


def magnitude(model, sparsity, pattern):
    """Sets the smallest weights of every matrix, or of every group of a pattern, to zero. llm-compressor's own modifier only masks
    weights during training."""
    for layer in block_layers(model):
        weight = layer.weight.data
        rows = weight.view(-1, int(pattern.split(":")[1]) if pattern else weight.numel())
        smallest = rows.abs().topk(int(rows.shape[1] * sparsity), largest=False, dim=1).indices
        rows.scatter_(1, smallest, 0)


def compress(model, setting, windows):
    """Compresses the model and returns wall-clock and processor time in seconds."""
    from llmcompressor import oneshot

    from llmcompressor_keep_zeros import keep_zeros

    recipe, data = None, None
    if setting.get("prune", {}).get("method") != "magnitude":
        from datasets import Dataset

        recipe = modifiers(setting)
        data = Dataset.from_dict({"input_ids": windows, "attention_mask": [[1] * LENGTH] * WINDOWS})
    keeping = keep_zeros() if setting.get("quantize", {}).get("keep_zeros") else contextlib.nullcontext()
    start, processor = time.perf_counter(), time.process_time()
    if recipe is None:
        magnitude(model, setting["prune"]["sparsity"], setting["prune"]["pattern"])
    else:
        with keeping:
            oneshot(
                model=model, dataset=data, recipe=recipe, max_seq_length=LENGTH, num_calibration_samples=WINDOWS,
                shuffle_calibration_samples=False)
    return {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - processor}


@torch.no_grad()
def dense(model):
    """The state dictionary with quantized weights decoded to floats."""
    from compressed_tensors.quantization import fake_quantize

    state = dict(model.state_dict())
    for name, module in model.named_modules():
        if scheme := getattr(module, "quantization_scheme", None):
            state[name + ".weight"] = fake_quantize(
                module.weight, module.weight_scale, module.weight_zero_point, scheme.weights)
    return state


@torch.inference_mode()
def perplexity(model, ids, windows):
    total = 0.0
    for window in torch.tensor(ids[:windows * 1024]).reshape(windows, 1024):
        logits = model(window[None], use_cache=False).logits[0, :-1]
        total += torch.nn.functional.cross_entropy(logits, window[1:], reduction="sum").item()
    return math.exp(total / (windows * 1023))


def main():
    source, calibration, name, out = sys.argv[1:5]
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
    ids = calibration_ids(tokenizer, calibration)
    windows = [ids[i * LENGTH:(i + 1) * LENGTH] for i in range(WINDOWS)]
    setting = SETTINGS[name]
    result = compress(model, setting, windows) if setting else {"seconds": None, "cpu_seconds": None}
    save(dense(model), pathlib.Path(source), pathlib.Path(out))
    weights = [layer.weight for layer in block_layers(AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32))]
    result["zeros"] = sum((weight == 0).sum().item() for weight in weights) / sum(weight.numel() for weight in weights)
    result["calibration"] = {
        "windows": WINDOWS, "length": LENGTH, "selection": "consecutive",
        "sha256": hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest(),
    }
    packages = ["llmcompressor", "compressed-tensors", "torch", "transformers"]
    result["versions"] = {package: importlib.metadata.version(package) for package in packages}
    if len(sys.argv) > 5:
        check = pathlib.Path(sys.argv[5]).read_text(encoding="utf-8")
        result["check"] = perplexity(model, tokenizer(check, add_special_tokens=False)["input_ids"], int(sys.argv[6]))
    print(json.dumps(result))


main()
