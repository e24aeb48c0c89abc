"""Converts a GGUF file to a Hugging Face folder in float32, so that all peers run the same weights.

usage: gguf_to_hf.py MODEL.gguf OUT
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

gguf, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
# transformers refuses to save a model loaded from a GGUF file, so its parts are written one by one.
if hasattr(model.config, "quantization_config"):
    del model.config.quantization_config
model.config.tie_word_embeddings = True
model.config.architectures = ["LlamaForCausalLM"]
model.config.save_pretrained(out)
tensors = {name: value.contiguous().clone() for name, value in model.state_dict().items() if name != "lm_head.weight"}
save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(out)

# The conversion ignores `tokenizer.ggml.pre = smollm`, by which digits are split one by one before the byte-level split.
path = out / "tokenizer.json"
tokenizer = json.loads(path.read_text(encoding="utf-8"))
tokenizer["pre_tokenizer"] = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ],
}
path.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
