#!/usr/bin/env python3
"""Compares ctpack's perplexities, and its divergence of one model from another, with those of transformers and llama.cpp on the same tokens.

usage: perplexity_agreement.py CTPACK HF_DIR TEXT [--against HF_DIR] [--gguf MODEL.gguf --llama-python PYTHON] [--windows N] [--protocol ID]… [--json FILE]

Runs in the environment `transformers` of peers/setup. All in float32. Exit status 1 if a perplexity by ctp-1024, gptq-2048 or llamacpp-512
deviates from transformers' by more than 0.01 %, or from llama.cpp's by llamacpp-512 (with --gguf, whose weights must be the folder's) by more
than 0.5 %, or a number of the divergence from transformers' by more than 0.1 %. A text shorter than a window of a protocol is left out of it.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = pathlib.Path(__file__).resolve().parent
# Per protocol: tokens per window, the first scored target, whether the first token becomes BOS.
PROTOCOLS = {"ctp-1024": (1024, 1, False), "gptq-2048": (2048, 1, False), "llamacpp-512": (512, 257, True)}
TRANSFORMERS, LLAMA, DIVERGENCE = 1e-4, 5e-3, 1e-3


class Peer:
    def __init__(self, folder):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def ids(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def bos(self):
        """The token that the tokenizer puts before every text; None for most."""
        start = self.tokenizer("", add_special_tokens=True)["input_ids"][:1]
        return start[0] if start and start[0] == self.tokenizer.bos_token_id else None

    def log_probabilities(self, window, first):
        with torch.no_grad():
            logits = self.model(torch.tensor([window])).logits[0, first - 1:-1].double()
        return torch.log_softmax(logits, -1).numpy()


def windows(ids, protocol, limit, bos):
    length, _, has_bos = PROTOCOLS[protocol]
    for start in range(0, min(limit, len(ids) // length) * length, length):
        window = ids[start:start + length]
        yield [bos] + window[1:] if has_bos and bos is not None else window


def perplexity(peer, ids, protocol, limit):
    first, losses = PROTOCOLS[protocol][1], []
    for window in windows(ids, protocol, limit, peer.bos()):
        rows = peer.log_probabilities(window, first)
        losses.append(-rows[np.arange(len(rows)), window[first:]])
    return math.exp(np.concatenate(losses).mean())


def divergence(peer, base, ids, protocol, limit):
    """KL, Δp and the same top token of every scored token, and the numbers that ctpack prints of them."""
    first, kl, dp, same, own, other = PROTOCOLS[protocol][1], [], [], [], [], []
    for window in windows(ids, protocol, limit, peer.bos()):
        q, p = peer.log_probabilities(window, first), base.log_probabilities(window, first)
        kl.append((np.exp(p) * (p - q)).sum(-1))
        same.append(p.argmax(-1) == q.argmax(-1))
        at = np.arange(len(p)), window[first:]
        own.append(-q[at])
        other.append(-p[at])
        dp.append(np.exp(q[at]) - np.exp(p[at]))
    kl, dp, same, own, other = map(np.concatenate, (kl, dp, same, own, other))
    found = {"dp_rms": np.sqrt((dp ** 2).mean()), "same_top": same.mean(), "cor_ln_ppl": np.corrcoef(own, other)[0, 1],
             "ln_ppl_ratio": (own - other).mean(), "ppl_difference": math.exp(own.mean()) - math.exp(other.mean())}
    for name, values in (("kl", kl), ("dp", dp)):
        found |= {f"{name}.mean": values.mean(), f"{name}.max": values.max(), f"{name}.min": values.min()}
        percents = (99.9, 99, 95, 90, 50, 10, 5, 1, 0.1) if name == "kl" else (99.9, 99, 95, 90, 75, 50, 25, 10, 5, 1, 0.1)
        found |= {f"{name}.{percent:g}": np.percentile(values, percent) for percent in percents}
    return {name: float(value) for name, value in found.items()}


def ours(options, protocol, *more):
    command = [options.ctpack, "eval", options.model, "--text", options.text, "--protocol", protocol, "--windows", str(options.windows)]
    return json.loads(subprocess.run([*command, *more, "--quiet", "--json"], check=True, stdout=subprocess.PIPE).stdout)


def flat(record):
    """A divergence of ctpack's JSON under the names of `divergence`."""
    found = {key: record[key]["value"] for key in ("dp_rms", "same_top", "cor_ln_ppl", "ln_ppl_ratio", "ppl_difference")}
    for name in ("kl", "dp"):
        own = record[name]
        found |= {f"{name}.mean": own["mean"]["value"], f"{name}.max": own["max"], f"{name}.min": own["min"]}
        found |= {f"{name}.{percent}": estimate["value"] for percent, estimate in own["percentiles"].items()}
    return found


def llama(options, length, count):
    worker = subprocess.Popen([options.llama_python, HERE / "llamacpp_worker.py", options.gguf], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answers, _ = worker.communicate(f"protocol {options.text} {length} {count}\n")
    return math.exp(json.loads(answers.splitlines()[-1])["loss"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ctpack", "model", "text"):
        parser.add_argument(name)
    parser.add_argument("--against", help="a second folder with the same tokenizer: the full model")
    parser.add_argument("--gguf", help="the model for llama.cpp, with the folder's weights")
    parser.add_argument("--llama-python", default=sys.executable, help="a Python that has llama-cpp-python")
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--protocol", action="append", choices=PROTOCOLS, help="compare by this protocol; may be repeated (default: all)")
    parser.add_argument("--json", type=pathlib.Path, help="a file for the numbers")
    options = parser.parse_args()
    text = pathlib.Path(options.text).read_text(encoding="utf-8")
    peer = Peer(options.model)
    ids, rows, missed = peer.ids(text), [], False

    def compare(name, peer_name, found, expected, limit, scale=None):
        nonlocal missed
        deviation = abs(found - expected) / max(abs(expected), scale or 0, 1e-12)
        missed |= not deviation <= limit
        rows.append({"number": name, "peer": peer_name, "ctpack": found, "expected": expected, "deviation": deviation, "limit": limit})
        print(f"{name:32} {peer_name:12} {found:14.6f} {expected:14.6f} {100 * deviation:9.4f} %{'' if deviation <= limit else '  MISSED'}")

    for protocol in options.protocol or PROTOCOLS:
        length = PROTOCOLS[protocol][0]
        if len(ids) < length:
            print(f"{protocol}: the text has {len(ids)} tokens, less than a window", file=sys.stderr)
            continue
        found = ours(options, protocol)
        compare(f"ppl by {protocol}", "transformers", found["ppl"], perplexity(peer, ids, protocol, options.windows), TRANSFORMERS)
        if options.gguf and protocol == "llamacpp-512":
            compare(f"ppl by {protocol}", "llama.cpp", found["ppl"], llama(options, length, found["windows"]), LLAMA)
    if options.against:
        protocol = "ctp-1024" if len(ids) >= 1024 else "llamacpp-512"
        found = ours(options, protocol, "--against", options.against, "--divergence")
        own, expected = flat(found["divergence"]), divergence(peer, Peer(options.against), ids, protocol, options.windows)
        for name, value in expected.items():
            # Percentiles near 0 are compared on the scale of the distribution's spread.
            scale = {"kl": expected["kl.mean"], "dp": expected["dp_rms"]}.get(name.split(".")[0], 0.01)
            compare(name, "transformers", own[name], value, DIVERGENCE, scale)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
