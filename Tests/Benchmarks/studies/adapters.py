"""Soft prompt, prefix, LoRA and hard prompt on the same 3-bit weights: parameters, inference cost, perplexities.

Builds the variants of Recipes/adapters.yaml (a stopped build resumes), copies all their prompts into one bundle and measures times
on it with `ctpack-benchmarks adapters`. With --bundle, measures only the times, on a bundle of the same model with prompts of these
names and sizes (as made by `ctpack prompt learn --steps 1`): the cost doesn't depend on the learned values.
"""
import math
import pathlib
import statistics
import sys

from .markdown import block, closed, number, table
from .results import Results
from .tools import ROOT

RESULTS = Results("adapters")
RECIPE = ROOT / "Recipes/adapters.yaml"
VARIANTS = ("soft", "prefix", "lora", "lora-all", "hard")
LABELS = {"soft": "soft prompt, 100 tokens", "prefix": "prefix, 100 tokens", "lora": "LoRA on q and v, rank 8",
          "lora-all": "LoRA on all layers, rank 8", "hard": "hard prompt, 9 tokens"}
PROTOCOL = ("`ctp-1024`, first 16 windows of 1024 tokens of each text, products in bfloat16. Model: SmolLM2-135M-Instruct, 3 bits in "
            "groups of 64. Learned with 120 updates of 4 × 256 tokens of C4 train (Recipes/adapters.yaml).")


def arguments(parser):
    parser.add_argument("--only", action="append", choices=VARIANTS, help="this variant; may be repeated (default: all)")
    parser.add_argument("--bundle", type=pathlib.Path, help="measure only the times, on this bundle")
    parser.add_argument("--runs", type=int, default=9, help="measured runs of each")


def measure(options, tools):
    if options.bundle:
        check_sizes(options.bundle, tools)
        return take_times(options.bundle, options, tools)
    bundles = [build(name, options, tools) for name in options.only or VARIANTS]
    # All prompts were learned on the same weights, so the transfer needs no measurement.
    target = tools.work / "all.ctpack"
    tools.copy(bundles[0], target)
    for source in bundles[1:]:
        tools.output(tools.ctpack, "transfer", source, target)
    take_times(target, options, tools)


def build(name, options, tools):
    bundle = tools.work / f"{name}.ctpack"
    tools.output(tools.ctpack, "run", RECIPE, "--variant", name, "--work", tools.work / "store", "--out", bundle)
    page = tools.answer(tools.ctpack, "inspect", bundle, "--verify", "none", "--json")
    prompt = page["prompts"][0]
    record = {key: prompt[key] for key in ("name", "kind", "tokens", "parameters", "bytes")} | {"ppl": {}}
    for row in page["evidence"]:
        label = row["model"] + (" + prompt" if row["prompt"] else "")
        record["ppl"].setdefault(row["text"], {})[label] = row["ppl"]
    RESULTS.keep(tools, "adapters", record, ["name"])
    return bundle


def check_sizes(bundle, tools):
    found = {prompt["name"]: prompt["parameters"] for prompt in tools.answer(tools.ctpack, "inspect", bundle, "--json")["prompts"]}
    for record in [] if tools.dry else RESULTS.records("adapters"):
        if found.get(record["name"]) != record["parameters"]:
            sys.exit(f"{bundle}: `{record['name']}` should have {record['parameters']} parameters, found {found.get(record['name'])}")


def take_times(bundle, options, tools):
    for record in tools.answer(tools.benchmarks, "adapters", "--model", bundle, "--json", "--runs", options.runs):
        RESULTS.keep(tools, "times", record, ["name"], disturbed=options.disturbed)


# ---------------------------------------------------------------- tables

def more(values, plain):
    """The median increase over the runs, in per cent of the value without an adapter."""
    return f"{100 * (statistics.median(a / b for a, b in zip(values, plain)) - 1):+.1f} %"


def cost():
    times, records = RESULTS.by("name", "times"), RESULTS.records("adapters")
    plain, rows = times["none"], []
    for record in records:
        own = times[record["name"]]
        rows.append([LABELS[record["name"]], f"{record['parameters']:,}", f"{record['bytes']:,}"] +
                    [more(own[key], plain[key]) for key in ("prefill_seconds", "decode_seconds")])
    runs = len(plain["prefill_seconds"])
    return block(f"times of a prefill of 1024 tokens and per generated token, relative to the model without an adapter; medians of {runs} runs in "
                 "turns (`ctpack-benchmarks adapters`). Another measurement differed by up to 3.4 points.",
                 table(["", ">parameters", ">bytes", ">prefill", ">decode"], rows), list(times.values()))


def ppl():
    records = RESULTS.records("adapters")
    rows = []
    for text in records[0]["ppl"]:
        for record in records:
            found = record["ppl"][text]
            full, full_prompt, compressed, prompt = (found[key] for key in ("full", "full + prompt", "compressed", "compressed + prompt"))
            repair = math.log(compressed / prompt) - math.log(full / full_prompt)
            rows.append([text, LABELS[record["name"]], number(full), number(full_prompt), number(compressed), number(prompt),
                         f"{closed(full, compressed, prompt):.0f} %", number(repair, 3)])
    header = ["text", "", ">full", ">full + adapter", ">compressed", ">compressed + adapter", ">gap closed", ">repair in nats"]
    return block(PROTOCOL + " Repair: the gain on the compressed model minus the gain on the full model.", table(header, rows), records)


TABLES = {"adapters": ppl, "adapters-cost": cost}
