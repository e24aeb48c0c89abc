"""Perplexities and sizes of ctpack for the settings of peers/llmcompressor_settings.py, beside llm-compressor's.

usage: compression_table.py measure --model MODEL.gguf --c4 VALIDATION.jsonl --wikitext TEST.raw --ptb TEST.txt [options]
       compression_table.py markdown
Each setting is a recipe, written to WORK/NAME.yaml; model, calibration windows and texts are those of peers/llmcompressor_table.py,
the first 24 windows of each text by protocol ctp-1024. Settings that are in the table with the same recipe are left as they are, so a
stopped run goes on where it was. `gptq, 2 to 8 bits mixed` has the size of gptq-3; `sparsegpt-50 plain` and `sparsegpt-50+gptq-4 one pass` leave out what ctpack does beyond the papers,
as `gptq-3 without drift` leaves out the correction for drift; `qep`, `gptaq` and `first order` put another one in its place.
The `plain` settings of Wanda and magnitude move no kept weights, as the papers and the peer don't: they stand beside the peer's figures too.
`wanda-2:4 plain, layer by layer, bfloat16` takes a layer's statistics when those before it in the block are pruned, as other methods do by default;
`rtn-2 whole range` clips nothing, as the peer does.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))
import protocol_texts  # noqa: E402
from llmcompressor_settings import SETTINGS  # noqa: E402

ROOT = HERE.parents[1]
TABLE = HERE / "compression-table.json"
PEER = HERE / "peers" / "llmcompressor-table.json"
OWN = {
    "gptq, 2 to 8 bits mixed": "{method: gptq, bits: 3, group_size: 64, target_bits_per_weight: 3.297}",
    "sparsegpt-50 plain": "{method: sparsegpt, bits: none, sparsity: 0.5, repair_steps: 0, drift: none}",
    "sparsegpt-50+gptq-4 one pass": "{method: gptq, bits: 4, group_size: 64, sparsity: 0.5, repair_steps: 0, drift: none}",
    "gptq-3 without drift": "{method: gptq, bits: 3, group_size: 64, drift: none}",
    "gptq-3 qep": "{method: gptq, bits: 3, group_size: 64, drift: qep}",
    "wanda-2:4 plain, layer by layer, bfloat16":
        "{method: wanda, bits: none, sparsity: \"2:4\", repair_steps: 0, true_sequential: true, arithmetic: bfloat16}",
    "rtn-2 whole range": "{method: rtn, bits: 2, group_size: 64, range: min-max}",
    "gptq-3 gptaq": "{method: gptq, bits: 3, group_size: 64, drift: gptaq}",
    "gptq-3 first order": "{method: gptq, bits: 3, group_size: 64, drift: none, first_order: 0.1}",
}
PLAIN = " plain"
PLAIN_METHODS = ("wanda", "magnitude")


def compression(name):
    """The recipe's section for a setting."""
    if name in OWN:
        return OWN[name]
    if name.endswith(PLAIN):
        return compression(name.removesuffix(PLAIN))[:-1] + ", repair_steps: 0}"
    prune, quantize = SETTINGS[name].get("prune"), SETTINGS[name].get("quantize")
    fields = {"method": (quantize or prune)["method"], "bits": quantize["bits"] if quantize else "none"}
    if quantize:
        fields["group_size"] = quantize["group"]
    if prune:
        fields["sparsity"] = f"\"{prune['pattern']}\"" if prune["pattern"] else prune["sparsity"]
    return "{" + ", ".join(f"{key}: {value}" for key, value in fields.items()) + "}"


def names():
    """Each plain setting behind the one with repair, then ctpack's own."""
    found = []
    for name in SETTINGS:
        if name != "full" and "as released" not in name:
            plain = SETTINGS[name].get("prune", {}).get("method") in PLAIN_METHODS
            found += [name] + ([name + PLAIN] if plain else [])
    return found + list(OWN)


def answer(command):
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(output)


def measure(name, options, texts):
    plain = re.sub(r"[^a-z0-9]+", "-", name)
    recipe, bundle = options.work / f"{plain}.yaml", options.work / f"{plain}.ctpack"
    recipe.write_text(
        f"name: {plain}\nmodel: {{path: {options.model}, name: SmolLM2-135M-Instruct}}\n"
        f"calibration: {{text: {options.calibration}, windows: 64, length: 512, selection: consecutive}}\n"
        f"compression: {compression(name)}\n", encoding="utf-8")
    start = time.monotonic()
    run = [options.ctpack, "run", recipe, "--work", options.work / "store", "--out", bundle, "--quiet"]
    subprocess.run(run, stdout=subprocess.DEVNULL, check=True)
    seconds = time.monotonic() - start
    page = answer([options.ctpack, "inspect", bundle, "--verify", "none", "--json"])
    record = {"name": name, "compression": compression(name), "seconds": seconds,
              "compressed_layers": page.get("compressed_layers"), "ppl": {}}
    for text, path in texts.items():
        command = [options.ctpack, "eval", bundle, "--text", path, "--windows", str(options.windows), "--json", "--quiet"]
        record["ppl"][text] = answer(command)["ppl"]
    if options.disturbed:
        record["disturbed"] = True
    bundle.unlink()
    return record


def read(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def write(path, records):
    part = path.with_name(path.name + ".part")
    part.write_text("[\n" + ",\n".join(json.dumps(record) for record in records) + "\n]\n", encoding="utf-8")
    os.replace(part, path)


def markdown():
    peers = {record["name"]: record for record in read(PEER)}
    own = {record["name"]: record for record in read(TABLE)}
    texts = protocol_texts.NAMES
    print("| setting | bits per weight | " + " | ".join(f"{text}: ctpack | llm-compressor" for text in texts) + " |")
    print("|---|--:|" + "--:|--:|" * len(texts))
    cells = " | | ".join(f"{peers['full']['ppl'][text]:.2f}" for text in texts)
    print(f"| uncompressed | 32 | {cells} | |")
    for name in [name for name in names() if name in own]:
        bits = own[name]["compressed_layers"]["mapped_bits_per_weight"]["total"]
        row = []
        for text in texts:
            peer = peers.get(name.removesuffix(PLAIN), {}).get("ppl", {}).get(text)
            row += [f"{own[name]['ppl'][text]:.2f}", f"{peer:.2f}" if peer else "–"]
        print(f"| {name} | {bits:.2f} | " + " | ".join(row) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("measure")
    for option in ("--model", "--c4", "--wikitext", "--ptb"):
        run.add_argument(option, required=True, type=pathlib.Path)
    run.add_argument("--ctpack", type=pathlib.Path, default=ROOT / ".build/release/ctpack")
    run.add_argument("--calibration", type=pathlib.Path, default=ROOT / "Recipes/data/c4-train.jsonl")
    run.add_argument("--work", type=pathlib.Path, default=ROOT / ".build/benchmarks/compression-table")
    run.add_argument("--windows", type=int, default=24, help="windows of 1024 tokens of each text")
    run.add_argument("--only", action="append", choices=names(), help="this setting (several times for several)")
    run.add_argument("--disturbed", action="store_true", help="the machine does other work too: mark the seconds")
    commands.add_parser("markdown")
    options = parser.parse_args()
    if options.command == "markdown":
        return markdown()
    for key in ("model", "ctpack", "calibration", "work"):
        setattr(options, key, getattr(options, key).resolve())
    options.work.mkdir(parents=True, exist_ok=True)
    texts = protocol_texts.write(options.c4, options.wikitext, options.ptb, options.work / "texts")
    for name in options.only or names():
        records = read(TABLE)
        if any(record["name"] == name and record["compression"] == compression(name) for record in records):
            continue
        record = measure(name, options, texts)
        # Read again: another run may have added its own meanwhile.
        write(TABLE, [old for old in read(TABLE) if old["name"] != name] + [record])
        print(name, {text: round(value, 2) for text, value in record["ppl"].items()}, f"{record['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
