#!/usr/bin/env python3
"""Runs tasks of Recipes/tasks with lm-evaluation-harness and with ctpack on the same rows and model, and compares the answers.

usage: compare_tasks.py --hf FOLDER --model MODEL --data FOLDER [--ctpack PROGRAM] [--limit 500] [--json OUT] [TASK...]

FOLDER of --hf holds a Hugging Face model in float32, and MODEL the same weights for ctpack (the folder itself will do). --data
is the folder that task files call ${TASK_DATA}. The questions are made here from the rows by Python and lm_eval's own Jinja
environment, so that ctpack's templates are compared too. Needs lm_eval 0.4, torch, transformers and PyYAML.

For each task: the share of rows on which both choose the same (to be at least 99.5 %), both values of acc and acc_norm, the largest
difference of a log-likelihood, and seconds. Ends with 1 if a task agrees on fewer rows."""
import argparse
import ast
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import yaml

RECIPES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../Recipes/tasks")
DEFAULT = ["hellaswag", "piqa", "openbookqa", "arc_easy"]


def hellaswag(text):
    text = text.strip().replace(" [title]", ". ")
    return re.sub(r"\[.*?\]", "", text).replace("  ", " ")


def lower_first(text):
    return text[:1].lower() + text[1:]


def without_longer(texts):
    kept = []
    for text in sorted(texts):
        if not kept or not text.startswith(kept[-1]):
            kept.append(text)
    return kept


def rows(task):
    path = os.path.expandvars(task["dataset_path"])
    with open(path, newline="", encoding="utf-8") as file:
        if path.endswith(".csv"):
            table = list(csv.reader(file))
            names = task.get("column_names") or table.pop(0)
            found = [dict(zip(names, row)) for row in table]
        elif path.endswith(".json"):
            found = json.load(file)
        else:
            found = [json.loads(line) for line in file if line.strip()]
    if "labels_path" in task:
        with open(os.path.expandvars(task["labels_path"])) as file:
            for row, label in zip(found, file.read().split()):
                row["label"] = int(label)
    return found


class Questions:
    """Contexts, continuations and right answers of rows, as lm_eval makes them."""

    def __init__(self, task):
        from lm_eval import utils
        for function in (hellaswag, lower_first, without_longer):
            utils.env.filters[function.__name__] = function
        self.apply, self.task = utils.apply_template, task

    def value(self, field, row):
        template = self.task[field]
        if not isinstance(template, str):
            return template
        if template in row:
            return row[template]
        text = self.apply(template, row)
        if self.task["output_type"] == "multiple_choice" and (text.isdigit() or re.fullmatch(r"\[.*\]", text, re.S)):
            return ast.literal_eval(text)
        return text

    def item(self, row):
        start = self.task.get("description", "")
        text = self.value("doc_to_text", row)
        if self.task["output_type"] == "loglikelihood":
            target = self.value("doc_to_target", row)
            return [(start + text, target)], [target], 0
        choices = self.value("doc_to_choice", row)
        delimiter = self.task.get("target_delimiter", " ")
        target = self.value("doc_to_target", row)
        if isinstance(text, int):
            return [(start + choice, delimiter + target) for choice in choices], choices, text
        if isinstance(target, str):
            target = choices.index(target) if target in choices else int(target)
        return [(start + text, delimiter + choice) for choice in choices], choices, target


def with_lm_eval(model, task, items):
    from lm_eval.api.instance import Instance
    requests = []
    for at, (pairs, _, _) in enumerate(items):
        requests += [Instance("loglikelihood", {}, pair, place, (task["task"], at, 1)) for place, pair in enumerate(pairs)]
    start = time.monotonic()
    answers = model.loglikelihood(requests, disable_tqdm=True)
    seconds = time.monotonic() - start
    results, next_answer = [], iter(answers)
    for pairs, choices, gold in items:
        scores = [next(next_answer) for _ in pairs]
        values = [value for value, _ in scores]
        chosen = max(range(len(values)), key=lambda i: values[i])
        normalized = max(range(len(values)), key=lambda i: values[i] / len(choices[i]))
        results.append({"values": values, "chosen": chosen, "norm": normalized, "greedy": scores[0][1], "gold": gold})
    return results, seconds


def with_ctpack(program, model, name, limit, arithmetic):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "items.jsonl")
        start = time.monotonic()
        subprocess.run([program, "task", model, "--task", os.path.join(RECIPES, name + ".yaml"), "--limit", str(limit), "--prompt", "none",
                        "--arithmetic", arithmetic, "--out", out, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - start
        with open(out, encoding="utf-8") as file:
            return [json.loads(line) for line in file], seconds


def compare(name, options, model):
    with open(os.path.join(RECIPES, name + ".yaml"), encoding="utf-8") as file:
        task = yaml.safe_load(file)
    questions = Questions(task)
    items = [questions.item(row) for row in rows(task)[:options.limit]]
    theirs, seconds = with_lm_eval(model, task, items)
    ours, own_seconds = with_ctpack(options.ctpack, options.model, name, options.limit, options.arithmetic)
    texts = sum(pairs[0][0] == (row["context"] if isinstance(row["context"], str) else row["context"][0]) and choices == row["choices"]
                for (pairs, choices, _), row in zip(items, ours))
    single = task["output_type"] == "loglikelihood"
    same = sum((a["greedy"] == b["answer"]["greedy"]) if single else
               (a["chosen"] == b["answer"]["chosen"] and a["norm"] == b["answer"]["chosen_norm"]) for a, b in zip(theirs, ours))
    n = len(items)

    def share(right):
        return sum(map(bool, right)) / n

    result = {"task": name, "rows": n, "same_texts": texts / n, "same_answers": same / n,
              "largest_difference": max(abs(x - y) for a, b in zip(theirs, ours) for x, y in zip(a["values"], b["answer"]["loglikelihoods"])),
              "seconds": {"lm_eval": seconds, "ctpack": own_seconds}, "speed": seconds / own_seconds}
    if single:
        result["acc"] = {"lm_eval": share(a["greedy"] for a in theirs), "ctpack": share("acc" in b["answer"]["right"] for b in ours)}
    else:
        for metric, key in (("acc", "chosen"), ("acc_norm", "norm")):
            result[metric] = {"lm_eval": share(a[key] == a["gold"] for a in theirs),
                              "ctpack": share(b["answer"]["chosen" if key == "chosen" else "chosen_norm"] in b["gold"] for b in ours)}
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hf", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--ctpack", default="ctpack")
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--batch-size", type=int, default=1, help="lm_eval's, whose default is 1")
    parser.add_argument("--arithmetic", default="float32")
    parser.add_argument("--json", help="a file for the results")
    parser.add_argument("tasks", nargs="*", default=DEFAULT)
    options = parser.parse_args()
    os.environ["TASK_DATA"] = os.path.abspath(options.data)
    from lm_eval.models.huggingface import HFLM
    model = HFLM(pretrained=options.hf, dtype="float32", device="cpu", batch_size=options.batch_size)
    results = []
    for name in options.tasks or DEFAULT:
        results.append(compare(name, options, model))
        print(json.dumps(results[-1]), flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=2)
    sys.exit(any(result["same_answers"] < 0.995 or result["same_texts"] < 1 for result in results))


if __name__ == "__main__":
    main()
