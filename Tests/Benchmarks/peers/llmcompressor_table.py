"""Seconds and perplexities of llm-compressor for every setting of llmcompressor_settings.py.

usage: llmcompressor_table.py measure --model HF_DIR --c4 VALIDATION.jsonl --wikitext TEST.raw --ptb TEST.txt [options]
       llmcompressor_table.py markdown
Run it with the Python of the environment `llmcompressor` that `setup` makes. Settings that are in the table are left as they
are, so a stopped run goes on where it was. Seconds with a ~ come from a machine that did other work too.
Perplexity: `ctpack eval` in float32 on the compressed model saved as dense float32, protocol ctp-1024, the first 24 windows of
each text; the same is measured of any other model by `ctpack eval MODEL --text WORK/texts/NAME.txt --windows 24`.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

import protocol_texts
from llmcompressor_settings import SETTINGS

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TABLE = HERE / "llmcompressor-table.json"


def read(path):
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def write(path, records):
    """A JSON array with a record on each line; the file is never half written."""
    part = path.with_name(path.name + ".part")
    part.write_text("[\n" + ",\n".join(json.dumps(record) for record in records) + "\n]\n", encoding="utf-8")
    os.replace(part, path)


def last_json(command):
    """The JSON object that a command leaves on standard output, after whatever lines came before."""
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    lines = output.splitlines()
    start = max(number for number, line in enumerate(lines) if line.startswith("{"))
    return json.loads("\n".join(lines[start:]))


def measure(name, options, texts):
    dense = options.work / "dense"
    shutil.rmtree(dense, ignore_errors=True)
    command = [sys.executable, HERE / "llmcompressor_compress.py", options.model, options.calibration, name, dense]
    if options.check:
        command += [texts[options.check], str(options.windows)]
    record = {"name": name, "setting": SETTINGS[name], **last_json(command), "ppl": {}}
    for text, path in texts.items():
        command = [options.ctpack, "eval", dense, "--text", path, "--windows", str(options.windows), "--protocol", "ctp-1024"]
        answer = last_json(command + ["--threads", "2", "--quiet", "--json"])
        record["ppl"][text] = answer["ppl"]
    record["evaluation"] = {"protocol": "ctp-1024", "windows": options.windows, "arithmetic": "float32"}
    if options.disturbed:
        record["disturbed"] = True
    shutil.rmtree(dense)
    return record


def measure_all(options):
    options.work.mkdir(parents=True, exist_ok=True)
    texts = protocol_texts.write(options.c4, options.wikitext, options.ptb, options.work / "texts")
    failed = []
    for name in options.only or SETTINGS:
        records = read(options.table)
        if name in [record["name"] for record in records]:
            continue
        try:
            record = measure(name, options, texts)
        except (subprocess.CalledProcessError, ValueError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed.append(name)
            continue
        # Read again: another run may have added its own meanwhile.
        write(options.table, read(options.table) + [record])
        print(json.dumps(record), flush=True)
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def markdown(options):
    records = {record["name"]: record for record in read(options.table)}
    print("| setting | seconds | CPU seconds | zeros | " + " | ".join(protocol_texts.NAMES) + " |")
    print("|---|--:|--:|--:|" + "--:|" * len(protocol_texts.NAMES))
    for name in sorted(records, key=list(SETTINGS).index):
        record = records[name]
        mark = "~" if record.get("disturbed") else ""
        times = ["–" if record[key] is None else f"{mark}{record[key]:.1f}" for key in ("seconds", "cpu_seconds")]
        values = [f"{record['ppl'][text]:.3f}" for text in protocol_texts.NAMES]
        print("| " + " | ".join([name, *times, f"{100 * record['zeros']:.1f} %", *values]) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(required=True)
    run = modes.add_parser("measure")
    run.set_defaults(run=measure_all)
    for option in ("--model", "--c4", "--wikitext", "--ptb"):
        run.add_argument(option, required=True)
    run.add_argument("--calibration", default=ROOT / "Recipes/data/c4-train.jsonl")
    run.add_argument("--ctpack", default=ROOT / ".build/release/ctpack")
    run.add_argument("--windows", type=int, default=24, help="windows of 1024 tokens of each text")
    run.add_argument("--work", type=pathlib.Path, default=ROOT / ".build/benchmarks/llmcompressor-table")
    run.add_argument("--only", action="append", choices=SETTINGS, help="this setting; may be repeated")
    run.add_argument("--check", choices=protocol_texts.NAMES, help="also let transformers measure this text")
    run.add_argument("--disturbed", action="store_true", help="other programs are running: mark the seconds as such")
    show = modes.add_parser("markdown")
    show.set_defaults(run=markdown)
    for mode in (run, show):
        mode.add_argument("--table", type=pathlib.Path, default=TABLE)
    options = parser.parse_args()
    options.run(options)


main()
