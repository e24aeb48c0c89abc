"""Prompts learned on one compression of a model and used, unchanged, on the others.

usage: transfer_matrix.py measure --model MODEL.gguf --c4 VALIDATION.jsonl --wikitext TEST.raw --ptb TEST.txt [options]
       transfer_matrix.py markdown
Each compression is a recipe, written to WORK/NAME.yaml; where it is a source too, one more learns a prompt on the compressed model. That prompt is
put onto a copy of every target (`ctpack transfer`) and measured there on the first windows of each text by protocol ctp-1024, with the perplexity
without a prompt beside it. Sources are gone through one after the other. What is in the table is left as it is, so a stopped run goes on where it was; a table of other settings is refused.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))
import protocol_texts  # noqa: E402

ROOT = HERE.parents[1]
TABLE = HERE / "transfer-matrix.json"
UNCOMPRESSED = "uncompressed"
COMPRESSIONS = {
    # The control: what a prompt that never saw a compressed model does for one.
    UNCOMPRESSED: '{method: rtn, rules: [{match: "*", leave: true}]}',
    "3-bit": "{method: gptq, bits: 3, group_size: 64}",
    "4-bit": "{method: gptq, bits: 4, group_size: 64}",
    "2-bit": "{method: gptq, bits: 2, group_size: 64}",
    "50 %": "{method: sparsegpt, bits: none, sparsity: 0.5}",
    "75 %": "{method: sparsegpt, bits: none, sparsity: 0.75}",
    "50 % + 4-bit": "{method: gptq, bits: 4, group_size: 64, sparsity: 0.5}",
}
NAMES = list(COMPRESSIONS)


def plain(name):
    return re.sub(r"[^a-z0-9]+", "-", name.replace("%", "percent")).strip("-")


def recipe(name, options, learns):
    """The text of a recipe; the compression is the same to the byte with and without a prompt."""
    lines = [
        f"name: {plain(name)}", f"model: {{path: {options.model}, name: SmolLM2-135M-Instruct}}",
        f"calibration: {{text: {options.calibration}, windows: {options.calibration_windows}, length: 512, selection: consecutive}}",
        f"compression: {COMPRESSIONS[name]}"]
    if not learns:
        return "\n".join(lines) + "\n"
    prompt = {"name": plain(name), "tokens": options.tokens, "text": options.train, "steps": options.steps}
    prompt.update(setting.split("=", 1) for setting in options.prompt)
    lines += ["prompt:"] + [f"  {key}: {value}" for key, value in prompt.items()]
    lines.append(f"  validation: {{text: {options.validation}, windows: 16, every: {max(1, options.steps // 6)}}}")
    return "\n".join(lines) + "\n"


def settings(options):
    """What makes two tables comparable; no paths."""
    return {"tokens": options.tokens, "steps": options.steps, "prompt": sorted(options.prompt), "windows": options.windows,
            "arithmetic": options.arithmetic, "calibration_windows": options.calibration_windows,
            "train": options.train.name, "validation": options.validation.name}


# ---------------------------------------------------------------- the table

def read():
    return json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {"settings": None, "cells": []}


def write(table):
    """A line per cell, so that a change shows as one."""
    cells = ",\n".join(json.dumps(record, ensure_ascii=False) for record in table["cells"])
    text = f'{{"settings": {json.dumps(table["settings"])},\n"cells": [\n{cells}\n]}}\n'
    part = TABLE.with_name(TABLE.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, TABLE)


def cell(table, source, target):
    """The perplexities by text; None where they aren't measured. `source` is None without a prompt."""
    return next((c["ppl"] for c in table["cells"] if c["source"] == source and c["target"] == target), None)


# ---------------------------------------------------------------- measuring

def call(*command):
    subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, check=True)


def build(name, options, learns):
    """The bundle of a compression, with its prompt where it learns one; `ctpack run` takes up what it has."""
    stem = plain(name) + ("-prompt" if learns else "")
    path, bundle = options.work / f"{stem}.yaml", options.work / f"{stem}.ctpack"
    path.write_text(recipe(name, options, learns), encoding="utf-8")
    start = time.monotonic()
    call(options.ctpack, "run", path, "--work", options.work / "store", "--out", bundle, "--quiet")
    print(f"{stem}: built, {time.monotonic() - start:.0f} s", flush=True)
    return bundle


def evaluate(model, prompt, texts, options):
    ppl = {}
    for text, path in texts.items():
        command = [options.ctpack, "eval", model, "--text", path, "--windows", options.windows, "--prompt", prompt,
                   "--arithmetic", options.arithmetic, "--json", "--quiet"]
        output = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True, text=True).stdout
        ppl[text] = json.loads(output)["ppl"]
    return ppl


def keep(table, source, target, ppl):
    table["cells"].append({"source": source, "target": target, "ppl": ppl})
    write(table)
    print(f"{target} with {source or 'no prompt'}:", {text: round(value, 2) for text, value in ppl.items()}, flush=True)


def measure(options):
    table = read()
    wanted = settings(options)
    if table["settings"] not in (None, wanted):
        sys.exit(f"{TABLE.name} holds figures of other settings: {table['settings']}, not {wanted}; move it away to begin anew")
    table["settings"] = wanted
    texts = protocol_texts.write(options.c4, options.wikitext, options.ptb, options.work / "texts")
    sources, targets = options.source or NAMES, options.target or NAMES
    bundles = {target: build(target, options, learns=False) for target in targets}
    for target in targets:
        if cell(table, None, target) is None:
            keep(table, None, target, evaluate(bundles[target], "none", texts, options))
    for source in sources:
        missing = [target for target in targets if cell(table, source, target) is None]
        if not missing:
            continue
        learned = build(source, options, learns=True)
        for target in missing:
            # On a copy: each target's own bundle stays as its recipe made it.
            copy = options.work / f"{plain(target)}-with-another.ctpack"
            shutil.copyfile(bundles[target], copy)
            name = f"from-{plain(source)}"
            call(options.ctpack, "transfer", learned, copy, "--as", name, "--allow-unvalidated")
            keep(table, source, target, evaluate(copy, name, texts, options))
            copy.unlink()


# ---------------------------------------------------------------- printing

def markdown():
    """A table per text; sources and targets that nothing was measured of are left out."""
    table = read()
    measured = {c["source"] for c in table["cells"]}
    sources = [name for name in NAMES if name in measured]
    for text in protocol_texts.NAMES:
        print("| " + " | ".join([f"{text}: used on", "no prompt"] + [f"from {name}" for name in sources]) + " |")
        print("|---|--:|" + "--:|" * len(sources))
        for target in [name for name in NAMES if cell(table, None, name)]:
            row = []
            for source in [None] + sources:
                ppl = cell(table, source, target)
                figure = f"{ppl[text]:.2f}" if ppl else "–"
                row.append(f"*{figure}*" if source == target and ppl else figure)
            print(f"| {target} | " + " | ".join(row) + " |")
        print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("measure")
    for option in ("--model", "--c4", "--wikitext", "--ptb"):
        run.add_argument(option, required=True, type=pathlib.Path)
    run.add_argument("--ctpack", type=pathlib.Path, default=ROOT / ".build/release/ctpack")
    run.add_argument("--calibration", type=pathlib.Path, default=ROOT / "Recipes/data/c4-train.jsonl")
    run.add_argument("--calibration-windows", type=int, default=64)
    run.add_argument("--train", type=pathlib.Path, default=ROOT / "Recipes/data/c4-train.jsonl", help="what the prompts are learned on")
    run.add_argument("--validation", type=pathlib.Path, default=ROOT / "Recipes/data/c4-dev.jsonl", help="which prompt is the best is chosen on this")
    run.add_argument("--work", type=pathlib.Path, default=ROOT / ".build/benchmarks/transfer-matrix")
    run.add_argument("--steps", type=int, default=300, help="steps of learning, per source")
    run.add_argument("--tokens", type=int, default=32, help="soft tokens of a prompt")
    run.add_argument("--prompt", action="append", default=[], metavar="KEY=VALUE", help="another setting of the recipe's section `prompt`")
    run.add_argument("--windows", type=int, default=16, help="windows of 1024 tokens of each text")
    run.add_argument("--arithmetic", choices=("float32", "bfloat16"), default="float32", help="of the perplexities")
    run.add_argument("--source", action="append", choices=NAMES, help="learn on this one (several times for several)")
    run.add_argument("--target", action="append", choices=NAMES, help="use on this one (several times for several)")
    commands.add_parser("markdown")
    options = parser.parse_args()
    if options.command == "markdown":
        return markdown()
    for key in ("model", "ctpack", "calibration", "train", "validation", "work"):
        setattr(options, key, getattr(options, key).resolve())
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        measure(options)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.cmd[1]} ended with status {error.returncode}; the same command goes on from here")


if __name__ == "__main__":
    main()
