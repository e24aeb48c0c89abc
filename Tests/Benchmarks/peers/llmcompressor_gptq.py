"""Quantizes a whole model with llm-compressor's GPTQ and measures its perplexity on held-out text.

usage: llmcompressor_gptq.py HF_DIR CALIBRATION.jsonl HELD_OUT.jsonl BITS GROUP SAMPLES LENGTH WINDOWS
Prints one line of JSON: seconds of the compression, peak memory in bytes, perplexity over WINDOWS windows of 1024 tokens.
Text: the "text" fields joined by a space. Calibration windows are consecutive from the start, as in ctpack-benchmarks.
"""
import json
import math
import resource
import sys
import time

import torch
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import GPTQModifier
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, calibration, held_out = sys.argv[1:4]
bits, group, samples, length, windows = map(int, sys.argv[4:9])
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def ids(path):
    with open(path, encoding="utf-8") as lines:
        text = " ".join(json.loads(line)["text"] for line in lines if line.strip())
    return tokenizer(text, add_special_tokens=False)["input_ids"]


found = ids(calibration)
data = Dataset.from_dict({
    "input_ids": [found[i * length:(i + 1) * length] for i in range(samples)],
    "attention_mask": [[1] * length] * samples,
})
weights = QuantizationArgs(num_bits=bits, type="int", symmetric=False, strategy="group", group_size=group)
scheme = QuantizationScheme(targets=["Linear"], weights=weights)
modifier = GPTQModifier(config_groups={"group_0": scheme}, ignore=["lm_head"])
start = time.perf_counter()
oneshot(model=model, dataset=data, recipe=modifier, max_seq_length=length, num_calibration_samples=samples)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

text = torch.tensor(ids(held_out))
total, count = 0.0, 0
with torch.no_grad():
    for window in range(min(windows, len(text) // 1024)):
        x = text[window * 1024:(window + 1) * 1024]
        logits = model(x[None]).logits[0, :-1].float()
        total += torch.nn.functional.cross_entropy(logits, x[1:], reduction="sum").item()
        count += 1023
print(json.dumps({"seconds": seconds, "peak_bytes": peak, "ppl": math.exp(total / count), "scored_tokens": count}))
