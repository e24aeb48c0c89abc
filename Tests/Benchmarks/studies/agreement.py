"""Agreement with other programs on the same weights: perplexities, divergence, and answers to tasks.

PEERS is a folder made by peers/setup. Perplexities by every protocol are compared with transformers', those by llamacpp-512 with
llama.cpp's, and the divergence of a pruned model from the uncompressed one with one computed in torch
(peers/perplexity_agreement.py). With --tasks, tasks are answered by lm-evaluation-harness and by ctpack, and answers and times
are compared (peers/compare_tasks.py). What is in the tables is not measured again.
"""
import json
import pathlib
import subprocess
import sys

from . import texts
from .markdown import block, number, table
from .results import Results
from .tools import PEERS, ROOT

RESULTS = Results("agreement")
# Four kinds of text and question; rows from the start of each file.
TASKS = ("hellaswag", "piqa", "openbookqa", "arc_easy")
MODEL = "SmolLM2-135M-Instruct, products in float32"


def arguments(parser):
    texts.arguments(parser)
    parser.add_argument("--peers", type=pathlib.Path, required=True, help="a folder made by peers/setup")
    parser.add_argument("--windows", type=int, default=8, help="number of windows of each text and protocol")
    parser.add_argument("--tasks", type=pathlib.Path, help="the folder that task files call ${TASK_DATA}")
    parser.add_argument("--task", action="append", help="compare this task; may be repeated (default: %s)" % ", ".join(TASKS))
    parser.add_argument("--limit", type=int, default=500, help="number of rows of each task")
    parser.add_argument("--batch-size", type=int, default=1, help="lm-evaluation-harness's batch size, 1 by default as there")


def measure(options, tools):
    for text, path in texts.prepare(options, tools).items():
        if text not in RESULTS.by("text", "perplexity"):
            RESULTS.keep(tools, "perplexity", {"text": text, "windows": options.windows, "rows": perplexities(path, options, tools)}, ["text"])
    if not RESULTS.records("divergence"):
        RESULTS.keep(tools, "divergence", divergence(options, tools), ["text"])
    for task in (options.task or TASKS) if options.tasks else ():
        known = RESULTS.by("task", "tasks").get(task, {})
        if known.get("batch_size") != options.batch_size:
            RESULTS.keep(tools, "tasks", answers(task, options, tools), ["task"], disturbed=options.disturbed)


def answer(out, tools, *command):
    """The JSON file that a comparison writes. It ends with status 1 where a limit is missed, which is a result, too."""
    try:
        tools.output(*command)
    except subprocess.CalledProcessError as error:
        if error.returncode != 1:
            raise
        print("a limit was missed; the record says which", file=sys.stderr)
    return [] if tools.dry else json.loads(out.read_text(encoding="utf-8"))


def perplexities(path, options, tools):
    out, python = tools.work / "perplexity.json", options.peers / "transformers/bin/python"
    return answer(out, tools, python, PEERS / "perplexity_agreement.py", tools.ctpack, options.peers / "hf", path, "--gguf",
                  options.peers / "model-f32.gguf", "--windows", options.windows, "--json", out)


def divergence(options, tools):
    out, python, pruned = tools.work / "divergence.json", options.peers / "transformers/bin/python", tools.work / "pruned"
    tools.output(python, PEERS / "plain_baselines.py", options.peers / "hf", ROOT / "Recipes/data/c4-train.jsonl", "magnitude-first", "0.25", pruned)
    text = tools.work / "texts" / "wikitext-2-test.txt"
    rows = answer(out, tools, python, PEERS / "perplexity_agreement.py", tools.ctpack, pruned, text, "--against", options.peers / "hf",
                  "--protocol", "ctp-1024", "--windows", options.windows, "--json", out)
    tools.remove(pruned)
    return {"text": "wikitext-2-test", "windows": options.windows, "rows": rows}


def answers(task, options, tools):
    out = tools.work / "tasks.json"
    # The same weights for both: the folder.
    found = answer(out, tools, options.peers / "transformers/bin/python", PEERS / "compare_tasks.py", "--hf", options.peers / "hf", "--model",
                   options.peers / "hf", "--data", options.tasks, "--ctpack", tools.ctpack, "--limit", options.limit, "--batch-size",
                   options.batch_size, "--json", out, task)
    return {**(found[0] if found else {"task": task}), "batch_size": options.batch_size}


# ---------------------------------------------------------------- tables

NONE = "No results have been recorded yet."


def percent(value, digits=4):
    return f"{100 * value:.{digits}f} %"


def perplexity_table():
    records = RESULTS.records("perplexity")
    rows = [[record["text"], row["number"].removeprefix("ppl by "), row["peer"], number(row["ctpack"], 4), number(row["expected"], 4),
             percent(row["deviation"]), percent(row["limit"], 2)] for record in records for row in record["rows"]]
    if not records:
        return NONE
    windows = records[0]["windows"]
    return block(f"first {windows} windows of each protocol, the same tokens. Model: {MODEL}, the same weights (llama.cpp's in a float32 GGUF file).",
                 table(["text", "protocol", "peer", ">ctpack", ">peer's", ">deviation", ">limit"], rows), records)


def divergence_table():
    records = RESULTS.records("divergence")
    rows = [[row["number"], f"{row['ctpack']:.6g}", f"{row['expected']:.6g}", percent(row["deviation"])]
            for record in records for row in record["rows"] if not row["number"].startswith("ppl by")]
    if not records:
        return NONE
    return block(f"`ctp-1024`, first {records[0]['windows']} windows of {records[0]['text']}; the model with a quarter of its weights pruned by magnitude, "
                 f"against the uncompressed one. Model: {MODEL}.",
                 table(["number", ">ctpack", ">torch, transformers", ">deviation"], rows), records)


def task_table():
    records, rows = RESULTS.records("tasks"), []
    if not records:
        return NONE
    for record in records:
        pairs = [f"{record[metric]['ctpack']:.3f} / {record[metric]['lm_eval']:.3f}" if metric in record else "" for metric in ("acc", "acc_norm")]
        rows.append([record["task"], str(record["rows"]), percent(record["same_answers"], 1), *pairs, f"{record['largest_difference']:.1e}",
                     *(number(record["seconds"][name], 0) for name in ("ctpack", "lm_eval")), number(record["speed"], 1)])
    sizes = sorted({record["batch_size"] for record in records})
    return block(f"first rows of each file, no examples. lm-evaluation-harness 0.4.13 with transformers, batch size {', '.join(map(str, sizes))}. Model: {MODEL}.",
                 table(["task", ">rows", ">same choice", ">acc, ctpack / lm-eval", ">acc_norm", ">largest difference in nats", ">seconds, ctpack",
                        ">lm-eval", ">times as fast"], rows), records)


TABLES = {"agreement-perplexity": perplexity_table, "agreement-divergence": divergence_table, "agreement-tasks": task_table}
