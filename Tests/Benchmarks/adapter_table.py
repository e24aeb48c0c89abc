"""A soft prompt, a prefix and LoRA beside each other: parameters, cost in use and what they repair of the same 3-bit weights.

usage: adapter_table.py measure [options]
       adapter_table.py times --bundle BUNDLE [options]
       adapter_table.py markdown
`measure` builds the variants of Recipes/adapters.yaml (stopped, it goes on where it was), puts all their prompts into one bundle,
takes the times of `ctpack-benchmarks adapters` on it and writes adapter-table.json. The four perplexities are those that the
builds measured. Repair is the share of the gap between full and compressed, in nats per token, that is closed; the same adapter on the full model shows how
much of that is adaptation to the text. `times` takes the costs anew, of any bundle of the same model with prompts of these names and sizes
(`ctpack prompt learn --steps 1` makes them): they don't depend on what was learned.
"""
import argparse
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TABLE = HERE / "adapter-table.json"
VARIANTS = ("soft", "prefix", "lora", "lora-all", "hard")


def answer(command):
    output = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(output)


def build(name, options):
    bundle = options.work / f"{name}.ctpack"
    subprocess.run([options.ctpack, "run", ROOT / "Recipes/adapters.yaml", "--variant", name, "--work", options.work / "store",
                    "--out", bundle], stdout=subprocess.DEVNULL, check=True)
    page = answer([options.ctpack, "inspect", bundle, "--verify", "none", "--json"])
    prompt = page["prompts"][0]
    record = {"name": prompt["name"], "kind": prompt["kind"], "tokens": prompt["tokens"], "parameters": prompt["parameters"],
              "bytes": prompt["bytes"], "ppl": {}}
    for row in page["evidence"]:
        label = row["model"] + (" + prompt" if row["prompt"] else "")
        record["ppl"].setdefault(row["text"], {})[label] = row["ppl"]
    return bundle, record


def together(bundles, options):
    """All prompts in one bundle: they were learned on the same weights, so nothing is measured again."""
    target = options.work / "all.ctpack"
    shutil.copyfile(bundles[0], target)
    for source in bundles[1:]:
        subprocess.run([options.ctpack, "transfer", source, target], stdout=subprocess.DEVNULL, check=True)
    return target


def measure(options):
    options.work.mkdir(parents=True, exist_ok=True)
    built = [build(name, options) for name in options.only or VARIANTS]
    target = together([bundle for bundle, _ in built], options)
    write({"adapters": [record for _, record in built], "times": taken(target, options), "disturbed": options.disturbed})


def taken(bundle, options):
    return answer([options.benchmarks, "adapters", "--model", bundle, "--json", "--runs", options.runs])


def retime(options):
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    there = {prompt["name"]: prompt["parameters"] for prompt in answer([options.ctpack, "inspect", options.bundle, "--json"])["prompts"]}
    for record in table["adapters"]:
        if there.get(record["name"]) != record["parameters"]:
            raise SystemExit(f"{options.bundle}: `{record['name']}` should have {record['parameters']} parameters, found {there.get(record['name'])}")
    write({**table, "times": taken(options.bundle, options), "disturbed": options.disturbed})


def write(table):
    part = TABLE.with_name(TABLE.name + ".part")
    part.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    os.replace(part, TABLE)


def more(values, plain):
    """The median of the ratios run by run, as a share more than without."""
    return 100 * (statistics.median(a / b for a, b in zip(values, plain)) - 1)


def markdown():
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    times = {row["name"]: row for row in table["times"]}
    plain = times["none"]
    texts = list(table["adapters"][0]["ppl"])
    print("| | parameters | bytes | prefill of 1024 | decode | " + " | ".join(f"{text}: repaired | on full" for text in texts) + " |")
    print("|---|--:|--:|--:|--:|" + "--:|--:|" * len(texts))
    for record in table["adapters"]:
        own = times[record["name"]]
        cells = []
        for text in texts:
            ppl = record["ppl"][text]
            gap = math.log(ppl["compressed"] / ppl["full"])
            closed = math.log(ppl["compressed"] / ppl["compressed + prompt"]) / gap
            cells += [f"{ppl['compressed + prompt']:.2f} ({100 * closed:.0f} %)", f"{ppl['full + prompt']:.2f}"]
        prefill, decode = (more(own[key], plain[key]) for key in ("prefill_seconds", "decode_seconds"))
        print(f"| {record['name']} | {record['parameters']:,} | {record['bytes']:,} | {prefill:+.1f} % | {decode:+.1f} % | "
              + " | ".join(cells) + " |")
    for text in texts:
        ppl = table["adapters"][0]["ppl"][text]
        print(f"{text}: full {ppl['full']:.2f}, compressed {ppl['compressed']:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("measure")
    run.add_argument("--work", type=pathlib.Path, default=ROOT / ".build/benchmarks/adapters")
    run.add_argument("--only", action="append", choices=VARIANTS, help="this variant (several times for several)")
    times = commands.add_parser("times")
    times.add_argument("--bundle", type=pathlib.Path, required=True)
    for timed in (run, times):
        timed.add_argument("--ctpack", type=pathlib.Path, default=ROOT / ".build/release/ctpack")
        timed.add_argument("--benchmarks", type=pathlib.Path, default=ROOT / ".build/release/ctpack-benchmarks")
        timed.add_argument("--runs", type=int, default=9, help="counted runs of each")
        timed.add_argument("--disturbed", action="store_true", help="the machine does other work too: say so beside the times")
    commands.add_parser("markdown")
    options = parser.parse_args()
    return {"measure": measure, "times": retime}.get(options.command, lambda _: markdown())(options)


if __name__ == "__main__":
    main()
