"""Runs transformers on request, so that two programs can be measured in turns within one run.

usage: transformers_worker.py HF_DIR [float32|bfloat16]
Reads commands from standard input, one per line, and answers each with one line of JSON: {"seconds": …, "loss": …}
  forward LENGTH                 forward pass of one sequence of LENGTH tokens, with its loss
  step BATCH LENGTH PROMPT       forward pass, backward pass to the prompt's embeddings, and an AdamW update
Token ids are (i * 7919) mod 49000, as in ctpack-benchmarks.
"""
import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM

torch.set_num_threads(2)
dtype = getattr(torch, sys.argv[2] if len(sys.argv) > 2 else "float32")
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=dtype).eval()
model.requires_grad_(False)
embed = model.get_input_embeddings()
print(json.dumps({"ready": True}), flush=True)


def tokens(batch, length):
    return (torch.arange(batch * length) * 7919 % 49000).reshape(batch, length)


def forward(length):
    ids = tokens(1, length)
    with torch.no_grad():
        start = time.perf_counter()
        loss = model(ids, labels=ids).loss.item()
        return time.perf_counter() - start, loss


class Step:
    def __init__(self, batch, length, count):
        self.ids = tokens(batch, length)
        self.prompt = torch.nn.Parameter(embed.weight[tokens(1, count)[0]].detach().float().clone())
        self.adam = torch.optim.AdamW([self.prompt], lr=1e-3)
        self.labels = torch.cat([torch.full((batch, count), -100), self.ids], 1)

    def run(self):
        start = time.perf_counter()
        batch = self.ids.shape[0]
        x = torch.cat([self.prompt.to(dtype)[None].expand(batch, -1, -1), embed(self.ids)], 1)
        loss = model(inputs_embeds=x, labels=self.labels).loss
        loss.backward()
        self.adam.step()
        self.adam.zero_grad()
        return time.perf_counter() - start, loss.item()


steps = {}
for line in sys.stdin:
    name, *numbers = line.split()
    numbers = tuple(map(int, numbers))
    if name == "forward":
        seconds, loss = forward(*numbers)
    else:
        seconds, loss = steps.setdefault(numbers, Step(*numbers)).run()
    print(json.dumps({"seconds": seconds, "loss": loss}), flush=True)
