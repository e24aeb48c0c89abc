"""Writes OUT/blocks/TYPE.bin (random GGUF blocks) and OUT/blocks/TYPE.f32 (their values, expanded by the gguf package).

usage: make_blocks.py OUT     (packages: Tests/Golden/requirements.txt; `make golden` runs it)
"""
import pathlib
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf.quants import dequantize

rng = np.random.default_rng(20)
out = pathlib.Path(sys.argv[1], "blocks")
out.mkdir(parents=True, exist_ok=True)

# Byte offsets of a block's float16 scales. Scales are drawn separately from the other bytes: finite, of either sign,
# zero and subnormals included.
SCALES = {
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0],
    Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
}

for kind, places in SCALES.items():
    weights, size = GGML_QUANT_SIZES[kind]
    count = 8 if weights == 32 else 4
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for place in places:
        scales = (rng.normal(size=count) * 10.0 ** rng.integers(-3, 2, count)).astype(np.float16)
        scales[0] = np.float16(3.1e-7)  # subnormal
        scales[1] = np.float16(0)
        blocks[:, place:place + 2] = scales.view(np.uint8).reshape(count, 2)
    (out / f"{kind.name}.bin").write_bytes(blocks.tobytes())
    (out / f"{kind.name}.f32").write_bytes(dequantize(blocks, kind).astype("<f4").tobytes())

# All float16 patterns would take 128 KB, so only every 37th and the edge cases, NaN and infinities included.
half = np.unique(np.concatenate([np.arange(0, 65536, 37), [1, 0x3FF, 0x400, 0x7BFF, 0x7C00, 0x8000, 0xFC00, 0xFFFF]]))
half = half.astype("<u2")
(out / "F16.bin").write_bytes(half.tobytes())
(out / "F16.f32").write_bytes(half.view(np.float16).astype("<f4").tobytes())
