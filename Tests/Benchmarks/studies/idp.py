"""Inference-time dynamic prompting (arXiv 2310.00867) on a small model: choosing a prompt for each input, on eleven tasks.

For each compression, puts three soft prompts (learned from C4, from WikiText-2, and from C4 towards the full model's distribution),
a prefix and LoRA into one bundle, answers the tasks with each of them and with each rule for choosing among the soft prompts, and
measures the cost of each kind. What is in Results/idp.json is not measured again.

The prompts are variants of Recipes/studies/smollm2-seeds.yaml, built in the work folder of `measure seeds`, which lists the files
that --c4 and --texts need. --tasks holds the rows under the names in Recipes/tasks/*.yaml; a task whose rows aren't there is named
on standard error and left out.
"""
import json
import pathlib
import sys

from . import idp_tables, routing, seeds, task_files
from .results import Results
from .tools import WORK

RESULTS = Results("idp")
TABLES = idp_tables.TABLES
LIMIT = 500
# The prompts of a bundle and the variants' endings that learn them, soft prompts first.
SOFT = {"c4": "", "wikitext": "-own-wikitext", "kl": "-kl"}
OTHERS = {"lora": "-lora", "prefix": "-prefix"}


def arguments(parser):
    seeds.data_arguments(parser)
    parser.set_defaults(work=WORK / "seeds")
    parser.add_argument("--compression", action="append", choices=idp_tables.COMPRESSIONS, help="may be repeated (default: both)")
    parser.add_argument("--task", action="append", choices=idp_tables.TASKS, metavar="TASK",
                        help=f"answer this task; may be repeated (default: {', '.join(idp_tables.TASKS)})")
    parser.add_argument("--rows", action="append", default=[], metavar="TASK=FILE",
                        help="take a task's rows from this file, such as another split; may be repeated")
    parser.add_argument("--repeats", type=int, default=9, help="measured rounds of the cost")


def measure(options, tools):
    options.rows = {task: pathlib.Path(file).resolve() for task, file in (one.split("=", 1) for one in options.rows)}
    seeds.check(options, tools, seeds.TASKS)
    tasks = present(options, tools)
    for task in tasks:
        answer(None, task, "full", options.model, "none", options, tools)
    for compression in options.compression or idp_tables.COMPRESSIONS:
        missing = [(task, choice) for task in tasks for choice in idp_tables.ASKED if not done(compression, task, choice)]
        if not missing and cost_done(compression):
            continue
        bundle = build(compression, options, tools)
        for task, choice in missing:
            answer(compression, task, choice, bundle, choice, options, tools)
        cost(compression, bundle, options, tools)


def present(options, tools):
    """The tasks whose rows are there; those left out are named and kept, because the tables name them too."""
    left_out = {}
    for task in options.task or idp_tables.TASKS:
        files = [] if task in options.rows else task_files.missing(task, options.tasks)
        if files:
            left_out[task] = [file.name for file in files]
            print(f"study.py: {task} is left out: no {', '.join(map(str, files))}", file=sys.stderr)
    known = RESULTS.by("name", "left-out").get("rows", {}).get("tasks", {})
    now = {task: files for task, files in known.items() if options.task and task not in options.task} | left_out
    if now != known:
        RESULTS.keep(tools, "left-out", {"name": "rows", "tasks": now}, ["name"])
    return [task for task in options.task or idp_tables.TASKS if task not in left_out]


def build(compression, options, tools):
    """Builds a bundle with all prompts of a compression and returns its path.

    `--prompt auto` chooses among prompts that were measured on the bundle's weights. The soft prompts are, and the prefix and LoRA,
    which can't be chosen from with them, are not.
    """
    bundle = tools.work / f"idp-{compression}.ctpack"
    built = {name: seeds.build(compression + ending, options, tools) for name, ending in (SOFT | OTHERS).items()}
    # A copy, because a transfer changes the bundle in place.
    tools.copy(built["c4"], bundle)
    tools.output(tools.ctpack, "transfer", built["wikitext"], bundle, "--quiet")
    tools.output(tools.ctpack, "transfer", built["kl"], bundle, "--text", options.texts / "c4-validation.txt", "--windows", 2, "--quiet")
    for name in OTHERS:
        tools.output(tools.ctpack, "transfer", built[name], bundle, "--allow-unvalidated", "--quiet")
    page = tools.answer(tools.ctpack, "inspect", bundle, "--verify", "none", "--json")
    if tools.dry:
        return bundle
    chosen = {prompt["name"] for prompt in page["prompts"] if not prompt["unvalidated"]}
    if chosen != set(SOFT):
        sys.exit(f"study.py: {bundle}: `--prompt auto` would choose among {', '.join(sorted(chosen))}, not {', '.join(sorted(SOFT))}")
    for prompt in page["prompts"]:
        RESULTS.keep(tools, "prompts", {"compression": compression} | {key: prompt[key] for key in ("name", "kind", "tokens", "parameters", "bytes")},
                     ["compression", "name"])
    return bundle


# ---------------------------------------------------------------- records

def done(compression, task, choice):
    return (compression, task, choice) in idp_tables.outcomes()


def answer(compression, task, choice, model, prompt, options, tools):
    """Answers a task's rows, unless they are answered already. `choice` is a prompt's name, a rule, `none` or `full`."""
    if done(compression, task, choice):
        return
    items = tools.work / "items" / f"{compression or 'full'}-{task}-{choice}.jsonl"
    if not tools.dry:
        items.parent.mkdir(parents=True, exist_ok=True)
    use = ["--prompt", "auto", "--route", choice] if choice in idp_tables.RULES else ["--prompt", prompt]
    data = ["--data", options.rows[task]] if task in options.rows else []
    result = tools.answer(
        tools.ctpack, "task", model, "--task", task_files.path(task), *data, "--limit", LIMIT, "--arithmetic", "bfloat16", *use, "--out", items,
        "--json", "--quiet", environment={"TASK_DATA": options.tasks})
    if tools.dry:
        return
    metric = task_files.main_metric(task)
    with items.open(encoding="utf-8") as lines:
        right = [metric in json.loads(line)["answer"]["right"] for line in lines]
    value = result["metrics"][metric]
    record = {"compression": compression, "task": task, "choice": choice, "metric": metric, "rows": [result["rows_seen"], result["rows_total"]],
              **({"file": options.rows[task].name} if data else {}),
              "value": [value["value"], value["stderr"]], "tokens": tokens(compression, choice), "right": idp_tables.packed(right)}
    if "choice" in result:
        record["shares"] = result["choice"]
    RESULTS.keep(tools, "outcomes", record, ["compression", "task", "choice"])
    print(compression or "full", task, choice, f"{value['value']:.3f} ± {value['stderr']:.3f}", flush=True)


def tokens(compression, choice):
    """The positions before an input's first token; all soft prompts have as many."""
    prompts = {one["name"]: one["tokens"] for one in RESULTS.records("prompts") if one["compression"] == compression}
    return prompts.get("c4" if choice in idp_tables.RULES else choice, 0)


def cost_done(compression):
    routes = [one for one in RESULTS.records("routes") if one["compression"] == compression]
    return compression in RESULTS.by("name", "cost") and len(routes) == len(idp_tables.RULES)


def cost(compression, bundle, options, tools):
    """Measures the time of each kind of prompt, and of each rule's choice among three of 100 tokens."""
    if compression not in RESULTS.by("name", "cost"):
        names = [part for name in ("c4", *OTHERS) for part in ("--prompt", name)]
        found = tools.answer(tools.ctpack, "bench", bundle, *names, "--lengths", 0, "--repeats", options.repeats, "--json", "--quiet")
        RESULTS.keep(tools, "cost", seeds.speed(compression, found), ["name"], disturbed=options.disturbed)
    for rule in idp_tables.RULES:
        if any(one["compression"] == compression and one["rule"] == rule for one in RESULTS.records("routes")):
            continue
        output = tools.output(tools.benchmarks, "auto-prompt", "--model", bundle, "--prompts", len(SOFT), "--prompt-tokens", 100,
                              "--length", 256, "--route", rule, "--runs", options.repeats)
        if output:
            RESULTS.keep(tools, "routes", {"compression": compression, "rule": rule, "ratio": float(routing.RATIO.search(output)[1])},
                         ["compression", "rule"], disturbed=options.disturbed)
