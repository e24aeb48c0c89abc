"""The tables of Results/idp.md, from the records that `measure idp` keeps; they show what there is so far."""
import math
import random

from .markdown import estimate, partial
from .results import Results
from .seeds_tables import FORMS, MODEL, TIMES, bench, times

RESULTS = Results("idp")
GROUPS = {"world knowledge": ("arc_easy", "arc_challenge", "sciq", "webqs", "triviaqa"),
          "common sense": ("hellaswag", "piqa", "openbookqa", "copa", "winogrande"),
          "language": ("lambada_openai",)}
TASKS = [task for group in GROUPS.values() for task in group]
COMPRESSIONS = {"3bit": "3 bits", "half": "50 % sparse"}
SOFT = {"c4": "soft prompt from C4", "wikitext": "soft prompt from WikiText-2", "kl": "soft prompt from C4, `kl`"}
RULES = {"attention": "chosen by attention (IDP)", "keys": "chosen by keys", "loss": "chosen by loss"}
OTHERS = {"lora": "LoRA on q and v, rank 8", "prefix": "prefix, 100 tokens"}
# The choices that are measured, and those that follow from the single prompts' outcomes.
ASKED = {"none": "no prompt"} | SOFT | RULES | OTHERS
COMPUTED = {"random": "chosen at random", "oracle": "the best prompt of each row (oracle)"}
SHOWN = {"none": "no prompt"} | SOFT | COMPUTED | RULES | OTHERS
SEED = 0


def packed(bits):
    """Rows answered rightly or not as a hexadecimal number, the first row its highest bit."""
    return f"{int('1' + ''.join('01'[bit] for bit in bits), 2):x}"


def unpacked(text):
    return [digit == "1" for digit in f"{int(text, 16):b}"[1:]]


def outcomes():
    """The records by compression, task and choice; the full model's have the compression None."""
    return {(one["compression"], one["task"], one["choice"]): one for one in RESULTS.records("outcomes")}


def share(bits):
    """The share of rows answered rightly with its standard error, √(p(1 − p)/(n − 1))."""
    p = sum(bits) / len(bits)
    return [p, math.sqrt(p * (1 - p) / (len(bits) - 1)) if len(bits) > 1 else 0]


def value(records, compression, task, choice):
    """A choice's share of right rows with its standard error; None if it isn't measured."""
    if choice not in COMPUTED:
        record = records.get((compression, task, choice))
        return record and record["value"]
    singles = [records.get((compression, task, name)) for name in SOFT]
    if None in singles:
        return None
    rows = list(zip(*(unpacked(one["right"]) for one in singles)))
    if choice == "oracle":
        return share([any(row) for row in rows])
    draw = random.Random(f"{SEED} {task}")
    return share([row[int(len(row) * draw.random())] for row in rows])


def average(values):
    """The mean of independent shares with its standard error; None if there are none or one is missing."""
    if not values or None in values:
        return None
    return [sum(one for one, _ in values) / len(values), math.sqrt(sum(error**2 for _, error in values)) / len(values)]


def measured(records):
    """The tasks that at least one choice has answered."""
    return [task for task in TASKS if any(key[1] == task for key in records)]


def left_out(tasks):
    """A sentence on the tasks that aren't in a table."""
    files = RESULTS.by("name", "left-out").get("rows", {}).get("tasks", {})
    without = [f"{task} ({', '.join(files[task])})" for task in TASKS if task in files and task not in tasks]
    later = [task for task in TASKS if task not in files and task not in tasks]
    text = f" Left out, because these files of rows weren't there: {'; '.join(without)}." if without else ""
    return text + (f" Not measured yet: {', '.join(later)}." if later and tasks else "")


def other_rows(records):
    """A sentence on the tasks whose rows are of another file than the task file names."""
    files = {task: one["file"] for (_, task, _), one in records.items() if "file" in one}
    return f" Rows of another file: {', '.join(f'{task} ({files[task]})' for task in TASKS if task in files)}." if files else ""


def accuracy():
    records = outcomes()
    tasks = measured(records)
    groups = [(name, [task for task in group if task in tasks]) for name, group in GROUPS.items()]
    groups = [(name, group) for name, group in groups if group]

    def row(label, compression, choice):
        cells, every = [], []
        for _, group in groups:
            found = [value(records, compression, task, choice) for task in group]
            every += found
            cells += [estimate(one, 1, 100) for one in found] + [estimate(average(found), 1, 100)]
        return None if every == [None] * len(every) else label + cells + [estimate(average(every), 1, 100)]

    rows = [row(["full", "no prompt"], None, "full")]
    rows += [row([label, words], compression, choice) for compression, label in COMPRESSIONS.items() for choice, words in SHOWN.items()]
    rows = [one for one in rows if one]
    if rows:
        cells = []
        for _, group in groups:
            for task in group:
                seen, total = next(one["rows"] for key, one in records.items() if key[1] == task)
                cells.append(f"{seen:,} of {total:,}")
            cells.append("")
        rows.append(["", "rows answered"] + cells + [""])
    header = ["model", "prompt"] + [f">{name}" for group, names in groups for name in [*names, f"**{group}**"]] + [">**all**"]
    protocol = (f"`ctpack task` without examples, the first 500 rows of each task or all if there are fewer, products in bfloat16. Model: {MODEL}. Percentage of "
                "rows answered rightly ± one standard error: `acc`, or `exact_match` of webqs and triviaqa. Averages are over tasks, whose errors are "
                f"taken as independent. At random: one of the three soft prompts is drawn for each row (seed {SEED}).{other_rows(records)}{left_out(tasks)}")
    return partial(protocol, header, rows, records.values(), "idp")


def shares():
    records = outcomes()
    rows, used = [], []

    def cell(parts):
        """The mean share of each soft prompt over tasks."""
        return " / ".join(f"{100 * sum(part[name] for part in parts) / len(parts):.0f}" for name in SOFT) if parts else "–"

    for compression, label in COMPRESSIONS.items():
        parts = {rule: [] for rule in RULES}
        for task in TASKS:
            found = {rule: records[compression, task, rule] for rule in RULES if (compression, task, rule) in records}
            if not found:
                continue
            used += found.values()
            one = {rule: {name: record["shares"].get(name, 0) / record["rows"][0] for name in SOFT} for rule, record in found.items()}
            for rule, part in one.items():
                parts[rule].append(part)
            rows.append([label, task] + [cell([one[rule]] if rule in one else []) for rule in RULES])
        if any(parts.values()):
            rows.append([label, "**mean of the tasks**"] + [cell(parts[rule]) for rule in RULES])
    header = ["compression", "task"] + [f">{words}" for words in RULES.values()]
    return partial(f"percentage of a task's inputs for which each of the soft prompts {', '.join(f'`{name}`' for name in SOFT)} is chosen. Attention decides "
                   "by all tokens of an input, keys by the first 256, loss by the first 32.", header, rows, used, "idp")


def cost():
    records, routes, prompts = RESULTS.records("cost"), RESULTS.records("routes"), RESULTS.records("prompts")
    rows, words = [], {"none": "no prompt", "soft": "soft prompt, 100 tokens", "prefix": OTHERS["prefix"], "lora": OTHERS["lora"]}
    for compression, label in COMPRESSIONS.items():
        for record in [record for record in records if record["name"] == compression]:
            rows += [[label, words[case["kind"]], f"{case['parameters']:,}", FORMS[case["form"]]] + times(case) + [""] for case in record["cases"]]
        three = sum(one["parameters"] for one in prompts if one["compression"] == compression and one["name"] in SOFT)
        rows += [[label, f"three soft prompts, {RULES[one['rule']]}", f"{three:,}", "from keys and values"] + [""] * len(TIMES) + [f"{one['ratio']:.3f}"]
                 for one in routes if one["compression"] == compression]
    header = ["compression", "kind", ">extra parameters", "its rows"] + TIMES + [">prefill, relative to one soft prompt"]
    protocol = bench(records[0]) if records else "`ctpack bench`."
    return partial(f"{protocol} Model: {MODEL}. Last column: `ctpack-benchmarks auto-prompt`, a prefill of 256 tokens with a choice among three prompts of 100 "
                   "tokens. Choosing by keys needs another 2 kB per prompt.", header, rows, [*records, *routes], "idp")


TABLES = {"idp-accuracy": accuracy, "idp-shares": shares, "idp-cost": cost}
