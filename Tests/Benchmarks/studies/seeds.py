"""The tables of "Compress, Then Prompt" (arXiv 2305.11186) on a small model: the variants of Recipes/studies/smollm2-seeds.yaml.

Runs each variant with `ctpack run` and reads its numbers from the bundle with `ctpack inspect`; then measures latency against the
prompt's length with `ctpack bench` on the bundle of 3 bits. What is in Results/seeds.json is not measured again.

Files needed:
  --c4 FOLDER     c4-train.jsonl and c4-dev.jsonl: documents of C4 train, other ones in each; one {"text": …} per line
  --texts FOLDER  c4-validation.txt, wikitext-2-test.txt, ptb-test.txt, written by `study.py texts`, and plain splits as published:
                  wikitext-2-train.raw and wikitext-2-valid.raw (raw WikiText-2), ptb-train.txt and ptb-valid.txt (Penn Treebank)
  --tasks FOLDER  the rows of OpenBookQA, HellaSwag, PIQA and MMLU under the names in Recipes/tasks/*.yaml (TASK_DATA there)
"""
import pathlib
import re
import sys

from . import seeds_tables, task_files
from .results import Results
from .tools import ROOT

RECIPE = ROOT / "Recipes/studies/smollm2-seeds.yaml"
RESULTS = Results("seeds")
TABLES = seeds_tables.TABLES
TASKS = ("openbookqa", "hellaswag", "piqa", "mmlu_high_school_european_history")
C4 = ("c4-train.jsonl", "c4-dev.jsonl")
TEXTS = ("c4-validation.txt", "wikitext-2-test.txt", "ptb-test.txt",
         "wikitext-2-train.raw", "wikitext-2-valid.raw", "ptb-train.txt", "ptb-valid.txt")
# The variants that are only parts of the bundles of `measure idp`.
PARTS = ("-kl", "-lora", "-prefix")
LENGTHS = "0,25,50,75,100"


def variants():
    """The names of the recipe's variants, in its order."""
    _, found = RECIPE.read_text(encoding="utf-8").split("\nvariants:\n")
    return re.findall(r"^  ([A-Za-z0-9.-]+):", found, re.MULTILINE)


def data_arguments(parser):
    """Adds the options for the folders that the recipe reads."""
    parser.add_argument("--c4", required=True, type=pathlib.Path, help="folder with c4-train.jsonl and c4-dev.jsonl")
    parser.add_argument("--texts", required=True, type=pathlib.Path, help="folder with the texts listed above")
    parser.add_argument("--tasks", required=True, type=pathlib.Path, help="folder with the tasks' rows (TASK_DATA)")


def arguments(parser):
    data_arguments(parser)
    names = [name for name in variants() if not name.endswith(PARTS)]
    parser.add_argument("--only", action="append", choices=[*names, "latency"], metavar="VARIANT",
                        help=f"measure this variant, or `latency`; may be repeated (default: all of {', '.join(names)}, latency)")
    parser.add_argument("--repeats", type=int, default=9, help="measured rounds of latency")
    parser.add_argument("--remove-bundles", action="store_true",
                        help="remove each bundle once it is measured; its stages stay in WORK/store, so that it can be packaged again")


def measure(options, tools):
    check(options, tools, TASKS)
    for name in options.only or [name for name in variants() if not name.endswith(PARTS)]:
        if name == "latency" or name in RESULTS.by("name", "variants"):
            continue
        bundle = build(name, options, tools)
        page = tools.answer(tools.ctpack, "inspect", bundle, "--verify", "none", "--json")
        found = record(name, page)
        RESULTS.keep(tools, "variants", found, ["name"])
        for text, models in found.get("texts", {}).items():
            print(name, text, *(f"{model} {one['ppl'][0]:.2f}" for model, one in models.items()), sep="  ", flush=True)
        if options.remove_bundles and name != "3bit":
            tools.remove(bundle)
    if "latency" in (options.only or ["latency"]) and not RESULTS.records("latency"):
        bundle = build("3bit", options, tools)
        answer = tools.answer(tools.ctpack, "bench", bundle, "--lengths", LENGTHS, "--repeats", options.repeats, "--json", "--quiet")
        RESULTS.keep(tools, "latency", speed("3bit", answer), ["name"], disturbed=options.disturbed)
    if options.remove_bundles and (tools.work / "3bit.ctpack").exists():
        tools.remove(tools.work / "3bit.ctpack")


def check(options, tools, tasks):
    """Ends the program if files are missing, naming all of them; a dry run needs none."""
    needed = [options.c4 / name for name in C4] + [options.texts / name for name in TEXTS]
    missing = [path for path in needed if not path.is_file()]
    missing += [path for task in tasks for path in task_files.missing(task, options.tasks)]
    if missing and not tools.dry:
        sys.exit("study.py: these files are missing (`study.py measure seeds --help` says what they are):\n  " + "\n  ".join(map(str, missing)))


def build(name, options, tools):
    """Builds a variant's bundle and returns its path; `ctpack run` reuses earlier stages."""
    bundle = tools.work / f"{name}.ctpack"
    tools.output(
        tools.ctpack, "run", RECIPE, "--variant", name, "--work", tools.work / "store", "--out", bundle, "--quiet",
        environment={"C4": options.c4, "TEXTS": options.texts, "TASK_DATA": options.tasks})
    return bundle


# ---------------------------------------------------------------- records

def record(name, page):
    """A variant's record, from the page of `ctpack inspect`. Models are `full`, `full + prompt` and so on."""
    if not page:
        return {}
    prompt = page["prompts"][0]
    found = {"name": name, "bits_per_weight": round(page["compressed_layers"]["bits_per_weight"]["total"], 3), "bytes": page["file_bytes"],
             "prompt": {key: prompt[key] for key in ("name", "kind", "tokens", "parameters")}, "texts": {}, "tasks": {}}
    for row in page["evidence"]:
        model = row["model"] + (" + prompt" if row["prompt"] else "")
        if row.get("task"):
            task = found["tasks"].setdefault(row["task"]["name"], {"metric": task_files.main_metric(row["task"]["name"]), "models": {}})
            task["rows"] = [row["task"]["rows_seen"], row["task"]["rows_total"]]
            task["models"][model] = answers(row["task"])
        else:
            found["texts"].setdefault(row["text"], {})[model] = losses(row)
    return found


def losses(row):
    """Perplexity, its ratio to the full model's and the divergence from it, each with its standard error where there is one."""
    found = {"ppl": [row["ppl"], row["ppl_stderr"]], "windows": row["windows"], "tokens": row["scored_tokens"]}
    if "ratio" in row:
        found["ratio"] = [row["ratio"], row.get("ratio_se")]
    if "divergence" in row:
        for key, value in (("kl", row["divergence"]["kl"]["mean"]), ("same_top", row["divergence"]["same_top"])):
            found[key] = [value["value"], value.get("se")]
    return found


def answers(task):
    """Each metric with its standard error, and for each share the rows that turned wrong and right and McNemar's p."""
    found = {name: [one["value"], one["stderr"]] for name, one in task["metrics"].items()}
    flips = {one["metric"]: {"lost": len(one["right_to_wrong"]), "gained": len(one["wrong_to_right"]), "p": one["p"]}
             for one in task.get("flips", [])}
    return {**found, "flips": flips} if flips else found


def speed(name, answer):
    """A measurement of `ctpack bench`: medians with quartiles in seconds, and relative to the model without a prompt."""
    def spread(one):
        return [one[key] for key in ("median", "lower_quartile", "upper_quartile")]

    if not answer:
        return {}
    cases = []
    for case in answer["cases"]:
        cases.append({key: case[key] for key in ("name", "kind", "form", "made", "tokens", "parameters")} | {
            "seconds": {key: spread(case[member]) for key, member in (
                ("prefill", "prefill_seconds"), ("first_token", "first_token_seconds"), ("decode", "decode_seconds_per_token"))},
            "relative": {key: spread(one) for key, one in case["relative_to_none"].items()}})
    return {"name": name, "protocol": answer["protocol"], "repeats": answer["repeats"], "arithmetic": answer["arithmetic"],
            "cache": answer["cache"], "warning": answer["machine"]["warning"], "cases": cases}
