"""Settings of prompt learning: the variants of Recipes/studies/smollm2-prompts.yaml.

Short variants stop after the prompt stage and are judged by validation text; variants named `confirm…` are also evaluated and
packaged. A variant that is in the table is not measured again. Needs PyYAML, to list the variants.
"""
import json
import math
import pathlib
import sys

from .markdown import block, closed, number, table
from .results import Results
from .texts import NAMES
from .tools import ROOT

RECIPE = ROOT / "Recipes/studies/smollm2-prompts.yaml"
RESULTS = Results("prompts")
MODEL = "SmolLM2-135M-Instruct"
SHORT = (f"{MODEL}, 3 bits in groups of 64 unless the row differs; a prompt of 100 tokens, 100 updates of 4 × 256 tokens of C4 train, "
         "cross-entropy, AdamW at a rate of 0.03. Judged by 64 windows of 256 tokens of other C4 train documents. Perplexity.")
LONG = (f"`ctp-1024`, first 24 windows of 1024 tokens of each text, products in bfloat16. Model: {MODEL}, 3 bits in groups of 64. "
        "Prompts of 100 tokens learned from C4 train. Perplexity.")
FACTORS = (
    ("3bit", "defaults"),
    ("3bit-kl", "objective: divergence from the uncompressed model (`kl`), its 64 likeliest tokens"),
    ("3bit-kl-whole", "objective: divergence, the whole vocabulary"),
    ("3bit-mix", "objective: half cross-entropy, half divergence (`mix`)"),
    ("3bit-vocabulary", "initial values: random rows of the vocabulary instead of text"),
    ("3bit-sink", "a first token that is never changed (`sink`)"),
    ("3bit-32-tokens", "32 tokens"), ("3bit-200-tokens", "200 tokens"),
    ("3bit-lr-0.01", "learning rate 0.01"), ("3bit-lr-0.1", "learning rate 0.1"),
    ("3bit-cosine", "cosine schedule instead of linear"), ("3bit-constant", "constant rate after warm-up"),
    ("3bit-adafactor", "Adafactor at a rate of 0.3"),
    ("3bit-prefix", "a prefix instead of a soft prompt"), ("3bit-lora", "LoRA on q and v, rank 8, instead of a soft prompt"),
    ("confirm-3bit", "800 updates instead of 100"), ("full", "control: no compression"),
)
COMPRESSIONS = (("3bit", "3 bits"), ("half", "50 % sparse"), ("joint", "50 % sparse, 4 bits"), ("2bit", "2 bits"), ("75", "75 % sparse"))
COLUMNS = (("", "defaults"), ("-lr-0.1", "rate 0.1"), ("-kl", "`kl`"), ("-vocabulary", "from the vocabulary"), ("-32-tokens", "32 tokens"))
CONFIRMED = (
    ("confirm-3bit-100", "100 updates of 4 × 256"), ("confirm-3bit-100-kl", "the same updates, `kl`"),
    ("confirm-3bit", "800 updates of 4 × 256"), ("confirm-3bit-1024", "400 updates of 1 × 1024 (the default length)"),
    ("confirm-3bit-prefix", "prefix, 400 updates of 1 × 1024"), ("confirm-3bit-prefix-800", "prefix, 800 updates of 1 × 1024"),
    ("confirm-3bit-prefix-kl", "prefix, 400 updates of 1 × 1024, `kl`"),
)


def variants():
    """The names of the recipe's variants, in its order."""
    try:
        import yaml
    except ImportError:
        sys.exit("study.py: PyYAML is missing; python3 -m pip install pyyaml, or name the variants with --only")
    return [str(name) for name in yaml.safe_load(RECIPE.read_text(encoding="utf-8"))["variants"]]


def arguments(parser):
    parser.add_argument("--c4", required=True, type=pathlib.Path, help="folder with c4-train.jsonl and c4-dev.jsonl")
    parser.add_argument("--texts", required=True, type=pathlib.Path, help="folder with the texts written by `study.py texts`")
    parser.add_argument("--only", action="append", help="measure this variant; may be repeated (default: all)")


def measure(options, tools):
    for name in options.only or variants():
        if name in RESULTS.by("name", "variants"):
            continue
        record = measure_one(name, options, tools)
        RESULTS.keep(tools, "variants", record, ["name"], disturbed=options.disturbed)
        if not tools.dry:
            print(name, record["dev_without"], "→", record["dev"], f"{record['seconds']} s", flush=True)


def measure_one(name, options, tools):
    whole = name.startswith("confirm")
    seconds, output = tools.timed(
        tools.ctpack, "run", RECIPE, "--variant", name, "--work", tools.work / "store", "--out", tools.work / f"{name}.ctpack", "--quiet",
        "--json", *([] if whole else ["--until", "prompt"]),
        environment={"C4": options.c4, "TEXTS": options.texts})
    if output is None:
        return {}
    stages = {stage["stage"]: stage["summary"] for stage in json.loads(output)["stages"]}
    learned = stages["prompt"]
    record = {"name": name, "dev": learned["validation_ppl"], "dev_without": learned["validation_ppl_without"],
              "best_step": learned["best_step"], "seconds": round(seconds, 1)}
    if whole:
        record["ppl"] = {}
        for one in stages["verify"]:
            record["ppl"].setdefault(one["text"], {})[one["model"] + ("+prompt" if one["prompt"] else "")] = one["ppl"]
    return record


# ---------------------------------------------------------------- tables

def gain(record):
    return math.log(record["dev_without"] / record["dev"])


def short(protocol, variants):
    """A function that makes a table of short variants, one factor varied per row."""
    def make():
        records = RESULTS.by("name", "variants")
        found = [(records[name], label) for name, label in variants if name in records]
        rows = [[label, f"`{record['name']}`", number(record["dev_without"]), number(record["dev"]), number(gain(record), 3)]
                for record, label in found]
        return block(protocol, table(["what differs from the defaults", "variant", ">without", ">with", ">gain in nats"], rows),
                     [record for record, _ in found])

    return make


def compressions():
    records = RESULTS.by("name", "variants")
    rows, used = [], []
    for name, label in COMPRESSIONS:
        found = [records.get(name + suffix) for suffix, _ in COLUMNS]
        used += [record for record in found if record]
        gains = [number(gain(record), 3) if record else "–" for record in found]
        rows.append([label, number(found[0]["dev_without"])] + gains)
    averages = [sum(gain(records[name + suffix]) for name, _ in COMPRESSIONS) / len(COMPRESSIONS) for suffix, _ in COLUMNS]
    rows.append(["average", ""] + [number(value, 3) for value in averages])
    header = ["compression", ">perplexity without"] + [f">{label}" for _, label in COLUMNS]
    return block(SHORT.replace("Judged", "Gains in nats per token, all on one machine. Judged"), table(header, rows), used)


def confirmed():
    records = RESULTS.by("name", "variants")
    rows, used = [], []
    for name, label in CONFIRMED:
        if name not in records:
            continue
        used.append(records[name])
        for text, ppl in records[name]["ppl"].items():
            share = closed(ppl["full"], ppl["compressed"], ppl["compressed+prompt"])
            cells = [number(ppl[key]) for key in ("full", "full+prompt", "compressed", "compressed+prompt")]
            rows.append([label, f"`{name}`", text] + cells + [f"{share:.0f} %"])
    header = ["learned with", "variant", "text", ">full", ">full + prompt", ">compressed", ">compressed + prompt", ">gap closed"]
    return block(LONG, table(header, rows), used)


def moved():
    records = RESULTS.records("moved")
    shown = NAMES[:2]
    rows = [[record["name"]] + [number(record["ppl"][text][key]) for text in shown for key in ("without", "with")] for record in records]
    header = ["used on"] + [f">{text}: {key}" for text in shown for key in ("without", "with")]
    return block("`ctp-1024`, first 24 windows of 1024 tokens of each text, float32. The prompt of 800 updates (`confirm-3bit`), "
                 "learned at 3 bits and used unchanged on other compressions (`ctpack transfer … --text`).", table(header, rows), records)


def other_machine():
    records = RESULTS.records("other-machine")
    rows = [[record["name"]] + [f"{record['closed'][text]:.0f} %" for text in NAMES] for record in records]
    return block("share of the gap closed, with everything, compression included, repeated on another machine. " + LONG,
                 table(["learned with"] + [f">{text}" for text in NAMES], rows), records)


TABLES = {"prompts-factors": short(SHORT, FACTORS),
          "prompts-windows": short(SHORT.replace("64 windows of 256 tokens", "64 windows of 512 tokens"),
                                   [("3bit-512", "updates of 2 × 512 tokens")]),
          "prompts-compressions": compressions, "prompts-confirmed": confirmed,
          "prompts-moved": moved, "prompts-other-machine": other_machine}
