"""Runs llama.cpp on request, so that two programs can be measured in turns within one run.

usage: llamacpp_worker.py MODEL.gguf
Reads commands from standard input, one per line, and answers each with one line of JSON: {"seconds": …, "loss": …}
  prefill LENGTH                 one text of LENGTH tokens, up to the logits after the last one
  decode PAST COUNT              COUNT tokens after PAST tokens, one at a time, each the most likely one
  perplexity TEXT LENGTH COUNT   COUNT windows of LENGTH tokens of the file TEXT; the second half of each is scored
  protocol TEXT LENGTH COUNT     the same as llama.cpp's tool `perplexity` does it: targets LENGTH/2 + 1 and later are scored, and BOS, if the
                                 vocabulary puts it before a text, replaces the first token of each window
Seconds exclude the time in which Python reads logits. Token ids are (i * 7919) mod 49000, as in ctpack-benchmarks.
"""
import json
import sys
import time

import llama_cpp
import numpy as np

LONGEST = 4096
parameters = llama_cpp.llama_model_default_params()
model = llama_cpp.llama_model_load_from_file(sys.argv[1].encode(), parameters)
settings = llama_cpp.llama_context_default_params()
settings.n_ctx, settings.n_batch, settings.n_ubatch = LONGEST, 1024, 512
settings.n_threads, settings.n_threads_batch = 2, 2
context = llama_cpp.llama_init_from_model(model, settings)
vocabulary = llama_cpp.llama_model_get_vocab(model)
size = llama_cpp.llama_vocab_n_tokens(vocabulary)
batch = llama_cpp.llama_batch_init(1024, 0, 1)
print(json.dumps({"ready": True}), flush=True)


def forget():
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)


def decode(ids, first, wanted):
    """Processes tokens at positions from `first` on, keeps the logits of those for which `wanted(i)` is true, and returns the seconds."""
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, first + i, 1, wanted(i)
        batch.seq_id[i][0] = 0
    start = time.perf_counter()
    status = llama_cpp.llama_decode(context, batch)
    llama_cpp.llama_synchronize(context)
    seconds = time.perf_counter() - start
    if status != 0:
        raise RuntimeError(f"llama_decode: {status}")
    return seconds


def logits(index):
    return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, index), (size,))


def last(count):
    return lambda i: i == count - 1


def tokens(count):
    return [i * 7919 % 49000 for i in range(count)]


def run_prefill(length):
    forget()
    return decode(tokens(length), 0, last(length)), 0.0


def run_decode(past, count):
    forget()
    decode(tokens(past), 0, last(past))
    seconds = 0.0
    for i in range(count):
        token = int(np.argmax(logits(past - 1 if i == 0 else 0)))
        seconds += decode([token], past + i, last(1))
    return seconds, 0.0


def run_perplexity(path, length, count, follows_tool=False):
    text = open(path, "rb").read()
    space = (llama_cpp.llama_token * (len(text) + 8))()
    found = llama_cpp.llama_tokenize(vocabulary, text, len(text), space, len(space), False, False)
    ids = list(space[:found])
    seconds, total, scored = 0.0, 0.0, 0
    half = length // 2 + (1 if follows_tool else 0)
    bos = llama_cpp.llama_vocab_bos(vocabulary) if follows_tool and llama_cpp.llama_vocab_get_add_bos(vocabulary) else None
    for window in range(count):
        part = ids[window * length:(window + 1) * length]
        if bos is not None:
            part[0] = bos
        forget()
        seconds += decode(part, 0, lambda i: i >= half - 1)
        for position in range(half, length):
            row = logits(position - 1).astype(np.float64)
            top = row.max()
            total += top + np.log(np.exp(row - top).sum()) - row[part[position]]
            scored += 1
    return seconds, total / scored


for line in sys.stdin:
    name, *rest = line.split()
    if name == "prefill":
        seconds, loss = run_prefill(int(rest[0]))
    elif name == "decode":
        seconds, loss = run_decode(int(rest[0]), int(rest[1]))
    else:
        seconds, loss = run_perplexity(rest[0], int(rest[1]), int(rest[2]), name == "protocol")
    print(json.dumps({"seconds": seconds, "loss": loss}), flush=True)
