"""Writes llama-plain.gguf again in three files, as llama.cpp's gguf-split does.

usage: make_split.py OUT     (packages: Tests/Golden/requirements.txt; `make golden` runs it)

Reads OUT/llama-plain.gguf, which make_models.py writes; writes OUT/llama-split-0000N-of-00003.gguf.
"""
import os
import sys

import gguf

os.chdir(sys.argv[1])
reader = gguf.GGUFReader("llama-plain.gguf")
limit = (len(reader.tensors) + 2) // 3
writer = gguf.GGUFWriter("llama-split.gguf", "llama", split_max_tensors=limit, split_max_size=0)
for field in reader.fields.values():
    if field.name.startswith("GGUF.") or field.name == "general.architecture":
        continue
    sub_type = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
    writer.add_key_value(field.name, field.contents(), field.types[0], sub_type)
for tensor in reader.tensors:
    writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
