"""Times and perplexities of llm-compressor for the settings in peers/llmcompressor_settings.py.

PEERS is a folder made by peers/setup. The compressed model is saved as dense float32 and measured by `ctpack eval` in float32,
protocol ctp-1024. A setting that is in the table is not measured again.
"""
import pathlib
import subprocess
import sys

from . import texts
from .compression import PROTOCOL, RESULTS, SETTINGS
from .markdown import block, number, table
from .tools import PEERS, ROOT


def arguments(parser):
    texts.arguments(parser)
    parser.add_argument("--peers", type=pathlib.Path, required=True, help="a folder made by peers/setup")
    parser.add_argument("--calibration", type=pathlib.Path, default=ROOT / "Recipes/data/c4-train.jsonl")
    parser.add_argument("--windows", type=int, default=24, help="number of windows of 1024 tokens of each text")
    parser.add_argument("--only", action="append", choices=SETTINGS, help="measure this setting; may be repeated (default: all)")
    parser.add_argument("--check", choices=texts.NAMES, help="measure this text with transformers too")


def measure(options, tools):
    paths = texts.prepare(options, tools)
    failed = []
    for name in options.only or SETTINGS:
        if name in RESULTS.by("name", "peer"):
            continue
        try:
            record = measure_one(name, options, tools, paths)
        except (subprocess.CalledProcessError, ValueError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed.append(name)
            continue
        RESULTS.keep(tools, "peer", record, ["name"], disturbed=options.disturbed)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def measure_one(name, options, tools, paths):
    dense = tools.work / "dense"
    check = [paths[options.check], options.windows] if options.check else []
    found = tools.answer(
        options.peers / "llmcompressor/bin/python", PEERS / "llmcompressor_compress.py", options.peers / "hf", options.calibration, name,
        dense, *check)
    ppl = {text: tools.perplexity(dense, path, options.windows, "--threads", 2) for text, path in paths.items()}
    tools.remove(dense)
    return {"name": name, "setting": SETTINGS[name], **found, "ppl": ppl,
            "evaluation": {"protocol": "ctp-1024", "windows": options.windows, "arithmetic": "float32"}}


def times():
    records = [record for name in SETTINGS if (record := RESULTS.by("name", "peer").get(name)) and record["seconds"] is not None]
    mark = lambda record: "~" if record.get("disturbed") or record["measured"].get("disturbed") else ""  # noqa: E731
    rows = [[record["name"]] + [mark(record) + number(record[key], 1) for key in ("seconds", "cpu_seconds")] +
            [number(100 * record["zeros"], 1) + " %"] for record in records]
    return block("time of llm-compressor's compression, two threads; ~: other programs were running. " + PROTOCOL,
                 table(["setting", ">seconds", ">CPU seconds", ">zeros"], rows), records)


TABLES = {"compression-peer-times": times}
