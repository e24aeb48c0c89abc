"""Writes a GGUF model in type Q4_0, which llama.cpp repacks for the processor.

usage: llamacpp_quantize.py MODEL.gguf OUT.gguf
All matrices become Q4_0; the embedding keeps the type that llama.cpp gives it. Weights that are quantized already are quantized again,
so OUT serves for timing: its perplexity is worse than MODEL's.
"""
import sys

import llama_cpp

parameters = llama_cpp.llama_model_quantize_default_params()
parameters.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0
parameters.allow_requantize = True
status = llama_cpp.llama_model_quantize(sys.argv[1].encode(), sys.argv[2].encode(), parameters)
if status != 0:
    sys.exit(f"{sys.argv[1]}: llama_model_quantize: {status}")
