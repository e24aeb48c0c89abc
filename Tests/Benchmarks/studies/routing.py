"""Rules for choosing among several prompts of one bundle: perplexities, correct choices, and cost.

BUNDLE holds one prompt per text; --prompt names them in the order of the texts (see Results/routing.md). `ctpack prompt compare`
measures every rule with each number of deciding tokens; --cost also measures the time of a prefill with a choice.
"""
import pathlib
import re

from . import texts
from .markdown import block, number, table
from .results import Results

RESULTS = Results("routing")
PROTOCOL = ("`ctp-1024`, first 24 windows of 1024 tokens of each text, products in bfloat16. Model: SmolLM2-135M-Instruct, 3 bits in groups of 64. "
            "Three soft prompts of 100 tokens, one learned from each kind of text. Perplexity.")
CHOICES = {"keys": "keys, first {} tokens", "lowest-nll": "loss, first {} tokens",
           "attention": "attention to the prompts' rows, all tokens", "attention-part": "attention to the prompts' rows, first {} tokens",
           "random": "at random", "oracle": "best prompt of each window (oracle)"}
RATIO = re.compile(r"; ratio ([0-9.]+);")


def arguments(parser):
    texts.arguments(parser)
    parser.add_argument("--bundle", type=pathlib.Path, required=True, help="a bundle with one prompt per text")
    parser.add_argument("--prompt", action="append", help="the prompt of each text, in the texts' order; repeat for each (default: c4 wikitext ptb)")
    parser.add_argument("--part", type=int, action="append", help="number of deciding tokens; may be repeated (default: 256 32 8)")
    parser.add_argument("--windows", type=int, default=24, help="number of windows of 1024 tokens of each text")
    parser.add_argument("--cost", action="store_true", help="also measure the cost of a choice (`ctpack-benchmarks auto-prompt`)")


def measure(options, tools):
    prompts = options.prompt or ["c4", "wikitext", "ptb"]
    paths = texts.prepare(options, tools)
    for part in options.part or [256, 32, 8]:
        command = [tools.ctpack, "prompt", "compare", options.bundle, "--windows", options.windows, "--arithmetic", "bfloat16", "--part", part]
        for path in paths.values():
            command += ["--text", path]
        for prompt in prompts:
            command += ["--prompt", prompt]
        answer = tools.answer(*command, "--json", "--quiet")
        for record in choices(answer["rows"], part, {f"{name}.txt": prompt for name, prompt in zip(texts.NAMES, prompts)}):
            RESULTS.keep(tools, "choices", record, ["name"])
    if options.cost:
        for rule in ("keys", "loss", "attention"):
            command = [tools.benchmarks, "auto-prompt", "--model", options.bundle, "--route", rule, "--runs", 9]
            found = [float(RATIO.search(output)[1]) for _ in range(3) if (output := tools.output(*command))]
            RESULTS.keep(tools, "cost", {"name": rule, "ratio": found, "command": f"auto-prompt --route {rule}"}, ["name"], disturbed=options.disturbed)


def choices(rows, part, wanted):
    """The rows of `prompt compare` as one record per rule; `wanted` maps a text to its own prompt."""
    records = {}
    for row in rows:
        if row["text"] is None:
            continue
        shares = (row.get("choice") or {}).get("windows")
        if shares:
            name = CHOICES.get(row["rule"], row["rule"]).format(part)
            if row["rule"] == "best-single":
                continue  # equals the row of one of the prompts
        else:
            name = f"always the {row['prompt']} prompt" if row["prompt"] else "no prompt"
            shares = {row["prompt"]: row["windows"]} if row["prompt"] else None
        record = records.setdefault(name, {"name": name, "ppl": {}, "best_for": None})
        record["ppl"][row["text"].removesuffix(".txt")] = row["ppl"]
        if shares:
            record["best_for"] = (record["best_for"] or 0) + shares.get(wanted[row["text"]], 0)
    return records.values()


# ---------------------------------------------------------------- tables

def choice_table():
    records = RESULTS.records("choices")
    rows = [[record["name"]] + [number(record["ppl"].get(text)) for text in texts.NAMES] +
            ["" if record["best_for"] is None else str(record["best_for"])] for record in records]
    return block(PROTOCOL, table(["choice"] + [f">{text}" for text in texts.NAMES] + [">windows given the text's own prompt, of 72"], rows), records)


def other_weights():
    records = RESULTS.records("other-weights")
    rows = [[record["name"], str(record["moved"]), str(record["own"])] for record in records]
    return block("number of windows, of 36, for which keys choose the text's own prompt; prompts learned at 3 bits, transferred to other compressions.",
                 table(["used on", ">keys learned at 3 bits", ">keys learned on these weights"], rows), records)


def spread(values):
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


def cost():
    records = RESULTS.records("cost")
    rows = [[record["name"], f"`{record['command']}`", spread(record["ratio"])] for record in records]
    return block("time of a prefill of 1024 tokens with a choice among four prompts of 32 tokens, relative to one prompt given by name; medians of 9 runs in "
                 "turns, lowest and highest of several measurements. Model: SmolLM2-135M-Instruct.",
                 table(["choice by", "`ctpack-benchmarks`", ">time, relative"], rows), records)


def times():
    first, learning = RESULTS.records("first-token"), RESULTS.records("learning-keys")
    rows = [[f"first token, {record['name']}", f"{record['seconds']:.2f} s"] for record in first]
    rows += [[f"learning a prompt's key, {record['name']}", f"{spread(record['seconds'])} s"] for record in learning]
    return block("`ctpack generate --max-tokens 1` on SmolLM2-135M-Instruct with three prompts of 100 tokens, opening the bundle included; "
                 "and the time that learning a routing key adds to a prompt's measurement.", table(["", ">time"], rows), first + learning)


TABLES = {"routing-choices": choice_table, "routing-other-weights": other_weights, "routing-cost": cost, "routing-times": times}
