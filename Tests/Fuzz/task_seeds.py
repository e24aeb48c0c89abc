#!/usr/bin/env python3
"""Writes valid inputs of the fuzz target `task` to a folder: each file of Recipes/tasks with two made-up rows, and labels.

usage: task_seeds.py OUT
An input is the YAML, a zero byte, the rows, a zero byte, the labels. A task file without rows below is an error.
"""
import json
import pathlib
import re
import sys

TASKS = pathlib.Path(__file__).resolve().parents[2] / "Recipes/tasks"
ARC = [{"question": "Which is warm?", "choices": {"text": ["ice", "fire"], "label": ["A", "B"]}, "answerKey": "B"},
       {"question": "Which is cold?", "choices": ["ice", "fire"], "gold": 0}]
ANSWERS = {"question": "who wrote it", "answer": {"aliases": ["A. Writer", "Writer"]}, "context": "A. Writer wrote it."}
ROWS = {
    "arc_challenge": ARC, "arc_easy": ARC,
    "copa": [{"premise": "It rained.", "choice1": "The street was wet.", "choice2": "The sun shone.", "question": "effect", "label": 0}],
    "hellaswag": [{"query": "Cooking: A pan", "endings": ["is hot.", "sings."], "label": 0},
                  {"activity_label": "Swim", "ctx_a": "A man.", "ctx_b": "he dives", "ctx": "A man. he dives",
                   "endings": ["in [step] it.", "away."], "label": "1"}],
    "lambada_openai": [{"text": "He opened the door and saw the garden"}],
    "mmlu_high_school_european_history": '"Which year?",1648,1848,1948,1989,A\n"A ""quoted""\nline",a,b,c,d,D\n',
    "openbookqa": [{"id": "1", "question": {"stem": "Water is", "choices": [{"text": "wet", "label": "A"}, {"text": "dry", "label": "B"}]},
                    "answerKey": "A"},
                   {"question_stem": "Stone is", "choices": {"text": ["soft", "hard"], "label": ["A", "B"]}, "answerKey": "B"}],
    "piqa": [{"goal": "Boil water", "sol1": "heat it", "sol2": "cool it"}, {"goal": "Cut", "sol1": "use a knife", "sol2": "wait"}],
    "sciq": [{"question": "What falls?", "distractor1": "up", "distractor2": "in", "distractor3": "on", "correct_answer": "rain",
              "support": " It rains."}],
    "triviaqa": [ANSWERS], "triviaqa_open_book": [ANSWERS],
    "webqs": [{"question": "who was it", "answers": ["An Author", "An", "Other"]}],
    "winogrande": [{"sentence": "Ann gave Bea _ book.", "option1": "Ann", "option2": "Bea", "answer": "1"}],
}

out = pathlib.Path(sys.argv[1])
for path in sorted(TASKS.glob("*.yaml")):
    text, rows = path.read_text(encoding="utf-8"), ROWS[path.stem]
    text = re.sub(r"^(labels_path|fewshot_labels_path):.*$", r"\1: labels.lst", text, flags=re.MULTILINE)
    text = re.sub(r"^fewshot_path:.*$", "fewshot_path: rows.jsonl", text, flags=re.MULTILINE)
    if "dataset_format" not in text:
        text += "dataset_format: " + ("csv" if isinstance(rows, str) else "jsonl") + "\n"
    if not isinstance(rows, str):
        rows = "".join(json.dumps(row) + "\n" for row in rows)
    (out / path.stem).write_bytes(b"\0".join(part.encode() for part in (text, rows, "0\n0\n")))
