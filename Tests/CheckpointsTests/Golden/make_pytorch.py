"""Writes tiny files with torch.save, and the same tensors as safetensors.

usage: make_pytorch.py OUT     (packages: Tests/Golden/requirements.txt; `make golden` runs it)

Reads OUT/llama3-sharded, which make_models.py writes; writes into OUT:

opt/, opt-350m/      OPT models: config.json and model.safetensors
opt-bin/             opt with the tensor names of the first checkpoints ("decoder.…") and their extra tensors
opt-350m-bin/        opt-350m as pytorch_model.bin, its tensors being views of one storage
llama3-bin/          llama3-sharded as an indexed pytorch_model.bin of two shards
views.*              strides, offsets, shared storages, every element type: .safetensors, .bin,
                     .protocol4.bin, .zip64.bin (the same archive with zip64 records), .legacy.bin
"""
import collections
import io
import json
import os
import pathlib
import shutil
import struct
import sys
import warnings
import zipfile

import torch
from safetensors.torch import load_file, save_file
from transformers import OPTConfig, OPTForCausalLM

os.chdir(sys.argv[1])


def model(name, config, seed, dtype):
    torch.manual_seed(seed)
    model = OPTForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    shutil.rmtree(name, ignore_errors=True)
    model.to(dtype).save_pretrained(name)
    pathlib.Path(name, "generation_config.json").unlink(missing_ok=True)
    return load_file(f"{name}/model.safetensors")


def folder(name, config):
    shutil.rmtree(name, ignore_errors=True)
    pathlib.Path(name).mkdir()
    shutil.copy(config, f"{name}/config.json")


small = dict(vocab_size=29, hidden_size=12, ffn_dim=19, num_hidden_layers=2, num_attention_heads=2,
             max_position_embeddings=16, pad_token_id=1)
weights = model("opt", OPTConfig(**small), 11, torch.float32)
folder("opt-bin", "opt/config.json")
old = collections.OrderedDict((key.removeprefix("model."), torch.nn.Parameter(value)) for key, value in weights.items())
old["decoder.version"] = torch.tensor([3.0])
old["lm_head.weight"] = old["decoder.embed_tokens.weight"]
old._metadata = {"": {"version": 1}}
torch.save(old, "opt-bin/pytorch_model.bin")

weights = model("opt-350m", OPTConfig(**(small | dict(hidden_size=10, word_embed_proj_dim=6)), do_layer_norm_before=False),
                12, torch.bfloat16)
folder("opt-350m-bin", "opt-350m/config.json")
flat = torch.cat([value.flatten() for value in weights.values()])
parts = {key: part.view_as(weights[key]) for key, part in zip(weights, flat.split([v.numel() for v in weights.values()]))}
# One matrix is column-major, as a transposed view.
key = "model.decoder.layers.0.fc1.weight"
parts[key] = weights[key].t().contiguous().t()
torch.save(parts, "opt-350m-bin/pytorch_model.bin")

folder("llama3-bin", "llama3-sharded/config.json")
shards, files = {}, {}
for path in sorted(pathlib.Path("llama3-sharded").glob("*.safetensors")):
    shards |= load_file(path)
keys = sorted(shards)
for number, part in enumerate([keys[::2], keys[1::2]], 1):
    name = f"pytorch_model-0000{number}-of-00002.bin"
    torch.save({key: shards[key] for key in part}, f"llama3-bin/{name}")
    files |= dict.fromkeys(part, name)
pathlib.Path("llama3-bin/pytorch_model.bin.index.json").write_text(
    json.dumps({"metadata": {"total_size": 1}, "weight_map": files}, indent=0) + "\n")

torch.manual_seed(13)
base = torch.randn(5, 6)
cube = torch.randn(2, 3, 4).to(torch.bfloat16)
views = collections.OrderedDict(
    whole=base, transposed=base.t(), rows=base[1:3], columns=base[:, 2:5], row=base[2], column=base[:, 3],
    every_second=base[::2, ::3], scalar=torch.tensor(1.5), one=base[4:5, 5:6], empty=torch.zeros(0, 4),
    permuted=cube.permute(2, 0, 1), middle=cube[:, 1], half=torch.randn(7).half(),
    parameter=torch.nn.Parameter(torch.randn(2, 2)), double=torch.randn(3, dtype=torch.float64),
    long=torch.arange(5), int=torch.arange(5, dtype=torch.int32)[1::2], short=torch.arange(3, dtype=torch.int16),
    char=torch.arange(3, dtype=torch.int8), byte=torch.arange(6, dtype=torch.uint8).reshape(2, 3).t(),
    bool=torch.tensor([True, False]), größe=torch.ones(1))
save_file({key: value.detach().clone().contiguous() for key, value in views.items()}, "views.safetensors")
torch.save(views, "views.bin")
torch.save(views, "views.protocol4.bin", pickle_protocol=4)
with warnings.catch_warnings(action="ignore"):
    torch.save(views, "views.legacy.bin", _use_new_zipfile_serialization=False)


def zip64(source):
    """The archive `source` with every number of its central directory in a zip64 extra field, and a zip64 end record."""
    data = pathlib.Path(source).read_bytes()
    entries = zipfile.ZipFile(io.BytesIO(data)).infolist()
    end = data.rindex(b"PK\5\6")
    start = struct.unpack("<I", data[end + 16:end + 20])[0]
    directory = b""
    for e in entries:
        name = e.filename.encode()
        extra = struct.pack("<HHQQQ", 1, 24, e.file_size, e.compress_size, e.header_offset)
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 45, 45, e.flag_bits, 0, 0, 0, e.CRC, 2**32 - 1,
                                 2**32 - 1, len(name), len(extra), 0, 0, 0, 0, 2**32 - 1) + name + extra
    wide = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, len(entries), len(entries), len(directory), start)
    locator = struct.pack("<IIQI", 0x07064B50, 0, start + len(directory), 1)
    last = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    return data[:start] + directory + wide + locator + last


pathlib.Path("views.zip64.bin").write_bytes(zip64("views.bin"))
assert torch.load("views.zip64.bin").keys() == views.keys()
