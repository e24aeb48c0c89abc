"""Writes a GGUF model in another type with llama.cpp.

usage: llamacpp_quantize.py MODEL.gguf OUT.gguf [q4_0|f32]
q4_0, the default: all matrices become Q4_0, which llama.cpp repacks for the processor; the embedding keeps the type that llama.cpp gives it.
Weights that are quantized already are quantized again, so OUT serves for timing: its perplexity is worse than MODEL's.
f32: the same weights in float32, whose products llama.cpp doesn't round to 8 bits; for comparing perplexities.
"""
import sys

import llama_cpp

TYPES = {"q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0, "f32": llama_cpp.LLAMA_FTYPE_ALL_F32}
if len(sys.argv) not in (3, 4) or (sys.argv[3:] or ["q4_0"])[0] not in TYPES:
    sys.exit(__doc__)
parameters = llama_cpp.llama_model_quantize_default_params()
parameters.ftype = TYPES[(sys.argv[3:] or ["q4_0"])[0]]
parameters.allow_requantize = True
status = llama_cpp.llama_model_quantize(sys.argv[1].encode(), sys.argv[2].encode(), parameters)
if status != 0:
    sys.exit(f"{sys.argv[1]}: llama_model_quantize: {status}")
