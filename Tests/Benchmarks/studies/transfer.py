"""Prompts learned on one compression of a model and used unchanged on the others.

Each compression is a recipe, written to WORK/NAME.yaml; for each source another recipe learns a prompt on the compressed model. The
prompt is copied to a copy of every target (`ctpack transfer`) and measured there by protocol ctp-1024. Cells that are in the table
are not measured again; a table with other settings is an error.
"""
import math
import pathlib
import re
import sys

from . import texts
from .markdown import block, number, table
from .results import Results
from .tools import ROOT

RESULTS = Results("transfer")
COMPRESSIONS = {
    # The control: a prompt learned on the uncompressed model.
    "uncompressed": '{method: rtn, rules: [{match: "*", leave: true}]}',
    "3-bit": "{method: gptq, bits: 3, group_size: 64}",
    "4-bit": "{method: gptq, bits: 4, group_size: 64}",
    "2-bit": "{method: gptq, bits: 2, group_size: 64}",
    "50 %": "{method: sparsegpt, bits: none, sparsity: 0.5}",
    "75 %": "{method: sparsegpt, bits: none, sparsity: 0.75}",
    "50 % + 4-bit": "{method: gptq, bits: 4, group_size: 64, sparsity: 0.5}",
}
NAMES = list(COMPRESSIONS)


def arguments(parser):
    texts.arguments(parser)
    data = ROOT / "Recipes/data"
    parser.add_argument("--calibration", type=pathlib.Path, default=data / "c4-train.jsonl")
    parser.add_argument("--calibration-windows", type=int, default=64)
    parser.add_argument("--train", type=pathlib.Path, default=data / "c4-train.jsonl", help="text to learn prompts from")
    parser.add_argument("--validation", type=pathlib.Path, default=data / "c4-dev.jsonl", help="text to choose the best prompt by")
    parser.add_argument("--steps", type=int, default=120, help="updates per source")
    parser.add_argument("--tokens", type=int, default=100, help="tokens per prompt")
    parser.add_argument("--prompt", action="append", metavar="KEY=VALUE",
                        help="a setting of the recipe's `prompt` section; may be repeated (default: learning_rate=0.03 warmup=12)")
    parser.add_argument("--windows", type=int, default=16, help="number of windows of 1024 tokens of each text")
    parser.add_argument("--arithmetic", choices=("float32", "bfloat16"), default="bfloat16", help="precision of matrix products in the measurements")
    parser.add_argument("--source", action="append", choices=NAMES, help="learn prompts on this compression; may be repeated (default: all)")
    parser.add_argument("--target", action="append", choices=NAMES, help="use prompts on this compression; may be repeated (default: all)")


def settings(options):
    """The settings that all cells of a table must share. Paths are reduced to file names."""
    return {"tokens": options.tokens, "steps": options.steps, "prompt": sorted(options.prompt), "windows": options.windows,
            "arithmetic": options.arithmetic, "calibration_windows": options.calibration_windows,
            "train": options.train.name, "validation": options.validation.name}


def plain(name):
    return re.sub(r"[^a-z0-9]+", "-", name.replace("%", "percent")).strip("-")


def recipe(name, options, learns):
    """A recipe's text. The compressed weights are identical with and without a prompt."""
    lines = [
        f"name: {plain(name)}", f"model: {{path: {options.model}, name: SmolLM2-135M-Instruct}}",
        f"calibration: {{text: {options.calibration}, windows: {options.calibration_windows}, length: 512, selection: consecutive}}",
        f"compression: {COMPRESSIONS[name][:-1]}, embeddings: f16}}"]
    if not learns:
        return "\n".join(lines) + "\n"
    prompt = {"name": plain(name), "tokens": options.tokens, "text": options.train, "steps": options.steps}
    prompt.update(setting.split("=", 1) for setting in options.prompt)
    lines += ["prompt:"] + [f"  {key}: {value}" for key, value in prompt.items()]
    lines.append(f"  validation: {{text: {options.validation}, windows: 16, every: {max(1, options.steps // 6)}}}")
    return "\n".join(lines) + "\n"


def build(name, options, tools, learns):
    """Builds the bundle of a compression, with a prompt if `learns`, and returns its path; `ctpack run` reuses earlier stages."""
    stem = plain(name) + ("-prompt" if learns else "")
    path, bundle = tools.work / f"{stem}.yaml", tools.work / f"{stem}.ctpack"
    tools.write(path, recipe(name, options, learns))
    tools.output(tools.ctpack, "run", path, "--work", tools.work / "store", "--out", bundle, "--quiet")
    return bundle


def cell(source, target):
    """The perplexities of a cell by text; None if not measured. `source` is None without a prompt."""
    return next((c["ppl"] for c in RESULTS.records("cells") if c["source"] == source and c["target"] == target), None)


def measure(options, tools):
    options.prompt = options.prompt or ["learning_rate=0.03", "warmup=12"]
    wanted, found = settings(options), RESULTS.table("cells").get("settings")
    if found not in (None, wanted):
        sys.exit(f"{RESULTS.path.name} has measurements with other settings: {found}, not {wanted}; move it away to start anew")
    paths = texts.prepare(options, tools)
    sources, targets = options.source or NAMES, options.target or NAMES
    missing = {source: [t for t in targets if cell(source, t) is None] for source in [None, *sources]}
    bundles = {t: build(t, options, tools, learns=False) for t in targets if any(t in cells for cells in missing.values())}

    def keep(source, target, model, prompt):
        ppl = {text: tools.perplexity(model, path, options.windows, "--prompt", prompt, "--arithmetic", options.arithmetic)
               for text, path in paths.items()}
        RESULTS.keep(tools, "cells", {"source": source, "target": target, "ppl": ppl}, ["source", "target"], settings=wanted)

    for target in missing.pop(None):
        keep(None, target, bundles[target], "none")
    for source, cells in missing.items():
        if not cells:
            continue
        learned = build(source, options, tools, learns=True)
        for target in cells:
            # A copy, because a transfer changes the bundle in place.
            copy, name = tools.work / f"{plain(target)}-with-another.ctpack", f"from-{plain(source)}"
            tools.copy(bundles[target], copy)
            tools.output(tools.ctpack, "transfer", learned, copy, "--as", name, "--allow-unvalidated")
            keep(source, target, copy, name)
            tools.remove(copy)


# ---------------------------------------------------------------- tables

def protocol():
    found = RESULTS.table("cells")["settings"]
    return (f"`ctp-1024`, first {found['windows']} windows of 1024 tokens of each text, products in {found['arithmetic']}. Model: SmolLM2-135M-Instruct. Prompts "
            f"of {found['tokens']} tokens, {found['steps']} updates of 1 × 1024 tokens of C4 train ({', '.join(found['prompt'])}). Italics: used on the compression it was learned on.")


def matrix(text, show):
    """A function that makes a table: a row per compression used on, a column per compression learned on."""
    def make():
        records = RESULTS.records("cells")
        measured = {c["source"] for c in records}
        sources = [name for name in NAMES if name in measured]
        rows = []
        for target in [name for name in NAMES if cell(None, name)]:
            without, row = cell(None, target)[text], []
            for source in sources:
                found = cell(source, target)
                value = show(without, found[text]) if found else "–"
                row.append(f"*{value}*" if source == target and found else value)
            rows.append([target, number(without)] + row)
        header = [f"{text}: used on", ">no prompt"] + [f">from {name}" for name in sources]
        return block(protocol(), table(header, rows), records)

    return make


def perplexity(_without, prompted):
    return number(prompted)


def gain(without, prompted):
    return f"{math.log(without / prompted):+.3f}"


TABLES = {f"transfer-{text}": matrix(text, perplexity) for text in texts.NAMES} | {
    f"transfer-gain-{text}": matrix(text, gain) for text in texts.NAMES}
