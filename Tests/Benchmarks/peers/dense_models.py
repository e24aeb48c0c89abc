"""Shared parts of the scripts that compress a model in torch: calibration windows, and saving the result."""
import json
import shutil

from safetensors import safe_open
from safetensors.torch import save_file

WINDOWS, LENGTH = 64, 512


def calibration_ids(tokenizer, path):
    """The first WINDOWS · LENGTH tokens of the "text" fields of a .jsonl file, joined by a space."""
    with open(path, encoding="utf-8") as lines:
        text = " ".join(json.loads(line)["text"] for line in lines if line.strip())
    return tokenizer(text, add_special_tokens=False)["input_ids"][:WINDOWS * LENGTH]


def save(state, source, out):
    """Writes a checkpoint like `source` with the tensors of `state`."""
    out.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.is_file() and path.suffix != ".safetensors":
            shutil.copy(path, out)
    with safe_open(source / "model.safetensors", "pt") as file:
        names = list(file.keys())
    save_file({name: state[name].contiguous().clone() for name in names}, out / "model.safetensors", metadata={"format": "pt"})
