"""Perplexities and sizes of every compression method, beside llm-compressor's.

Each setting is a recipe, written to WORK/NAME.yaml, with Recipes/data/c4-train.jsonl for calibration. The result is evaluated on the
first windows of each text by protocol ctp-1024. A setting that is in the table with the same recipe is not measured again.
"""
import pathlib
import re
import sys

from . import texts
from .markdown import block, number, table
from .results import Results
from .tools import PEERS, ROOT

sys.path.append(str(PEERS))
from llmcompressor_settings import SETTINGS  # noqa: E402

RESULTS = Results("compression")
PROTOCOL = ("`ctp-1024`, first 24 windows of 1024 tokens of each text, float32. Model: SmolLM2-135M-Instruct. "
            "Calibration: 64 × 512 tokens of C4 train, the same for both programs. Perplexity, lower is better.")
PLAIN = " plain"
PLAIN_METHODS = ("wanda", "magnitude")
# Settings without a counterpart in llm-compressor.
OWN = {
    "gptq, 2 to 8 bits mixed": "{method: gptq, bits: 3, group_size: 64, target_bits_per_weight: 3.297}",
    "sparsegpt-50 plain": "{method: sparsegpt, bits: none, sparsity: 0.5, repair_steps: 0, drift: none}",
    "sparsegpt-50+gptq-4 one pass": "{method: gptq, bits: 4, group_size: 64, sparsity: 0.5, repair_steps: 0, drift: none}",
    "gptq-3 without drift": "{method: gptq, bits: 3, group_size: 64, drift: none}",
    "gptq-3 qep": "{method: gptq, bits: 3, group_size: 64, drift: qep}",
    "wanda-2:4 plain, layer by layer, bfloat16":
        "{method: wanda, bits: none, sparsity: \"2:4\", repair_steps: 0, true_sequential: true, arithmetic: bfloat16}",
    "rtn-2 whole range": "{method: rtn, bits: 2, group_size: 64, range: min-max}",
    "gptq-3 gptaq": "{method: gptq, bits: 3, group_size: 64, drift: gptaq}",
    "gptq-3 first order": "{method: gptq, bits: 3, group_size: 64, drift: none, first_order: 0.1}",
}


def compression(name):
    """The recipe's `compression` section for a setting."""
    if name in OWN:
        return OWN[name]
    if name.endswith(PLAIN):
        return compression(name.removesuffix(PLAIN))[:-1] + ", repair_steps: 0}"
    prune, quantize = SETTINGS[name].get("prune"), SETTINGS[name].get("quantize")
    fields = {"method": (quantize or prune)["method"], "bits": quantize["bits"] if quantize else "none"}
    if quantize:
        fields["group_size"] = quantize["group"]
    if prune:
        fields["sparsity"] = f"\"{prune['pattern']}\"" if prune["pattern"] else prune["sparsity"]
    return "{" + ", ".join(f"{key}: {value}" for key, value in fields.items()) + "}"


# The blocks' compression in the table of embeddings.
EMBEDDINGS = {"3 bits": "{method: gptq, bits: 3, group_size: 64}", "8 bits": "{method: rtn, bits: 8, group_size: 64}"}


def names():
    """All settings: those shared with llm-compressor, each plain one after the one with repair, then ctpack's own."""
    found = []
    for name in SETTINGS:
        if name != "full" and "as released" not in name:
            plain = SETTINGS[name].get("prune", {}).get("method") in PLAIN_METHODS
            found += [name] + ([name + PLAIN] if plain else [])
    return found + list(OWN)


def arguments(parser):
    texts.arguments(parser)
    parser.add_argument("--calibration", type=pathlib.Path, default=ROOT / "Recipes/data/c4-train.jsonl")
    parser.add_argument("--windows", type=int, default=24, help="number of windows of 1024 tokens of each text")
    parser.add_argument("--only", action="append", choices=names(), help="measure this setting; may be repeated (default: all)")
    parser.add_argument("--embeddings", action="append", choices=("source", "f32", "f16", "bf16", "q8", "q4"),
                        help="measure this storage of the embedding instead, for the table of embeddings; may be repeated")
    parser.add_argument("--setting", action="append", metavar="NAME=SECTION",
                        help="measure this `compression` section of a recipe instead, for the table of corrections; may be repeated")


def measure(options, tools):
    paths = texts.prepare(options, tools)
    for name, section in (setting.split("=", 1) for setting in options.setting or []):
        record = measure_one(name, section, options, tools, paths) | {"recipe": section}
        RESULTS.keep(tools, "corrections", record, ["name"], disturbed=options.disturbed)
    for storage in options.embeddings or []:
        for blocks, section in EMBEDDINGS.items():
            name = f"{blocks}, {storage}"
            if name not in RESULTS.by("name", "embeddings"):
                record = measure_one(name, section, options, tools, paths, storage)
                RESULTS.keep(tools, "embeddings", record, ["name"], disturbed=options.disturbed)
    for name in [] if options.setting or options.embeddings else options.only or names():
        if RESULTS.by("name", "ctpack").get(name, {}).get("compression") == compression(name):
            continue
        record = measure_one(name, compression(name), options, tools, paths)
        RESULTS.keep(tools, "ctpack", record, ["name"], disturbed=options.disturbed)
        if not tools.dry:
            print(name, {text: round(value, 2) for text, value in record["ppl"].items()}, f"{record['seconds']:.0f} s", flush=True)


def measure_one(name, section, options, tools, paths, embeddings="f16"):
    # llm-compressor leaves the embedding alone, so ctpack's is float16 in all tables but that of embeddings.
    plain = re.sub(r"[^a-z0-9]+", "-", name)
    recipe, bundle = tools.work / f"{plain}.yaml", tools.work / f"{plain}.ctpack"
    tools.write(
        recipe,
        f"name: {plain}\nmodel: {{path: {options.model}, name: SmolLM2-135M-Instruct}}\n"
        f"calibration: {{text: {options.calibration}, windows: 64, length: 512, selection: consecutive}}\n"
        f"compression: {section[:-1]}, embeddings: {embeddings}}}\n")
    seconds, _ = tools.timed(tools.ctpack, "run", recipe, "--work", tools.work / "store", "--out", bundle, "--quiet")
    page = tools.answer(tools.ctpack, "inspect", bundle, "--verify", "none", "--json")
    ppl = {text: tools.perplexity(bundle, path, options.windows) for text, path in paths.items()}
    tools.remove(bundle)
    return {"name": name, "compression": section, "seconds": seconds,
            "compressed_layers": page.get("compressed_layers"), "whole_file": page.get("whole_file"), "ppl": ppl}


# ---------------------------------------------------------------- tables

def both():
    """The table of perplexities of ctpack and llm-compressor, one row per setting."""
    peers, own = RESULTS.by("name", "peer"), RESULTS.by("name", "ctpack")
    header = ["setting", ">bits per weight"] + [f">{text}: {program}" for text in texts.NAMES for program in ("ctpack", "llm-compressor")]
    rows = [["uncompressed", "32"] + [cell for text in texts.NAMES for cell in (number(peers["full"]["ppl"][text]), "")]]
    for name in [name for name in names() if name in own]:
        peer = peers.get(name.removesuffix(PLAIN), {}).get("ppl", {})
        rows.append([name, number(own[name]["compressed_layers"]["mapped_bits_per_weight"]["total"])] + [
            cell for text in texts.NAMES for cell in (number(own[name]["ppl"][text]), number(peer.get(text)))])
    return block(PROTOCOL, table(header, rows), [*own.values(), *peers.values()])


def perplexities(name, protocol, digits=1, shown=texts.NAMES):
    """A function that makes a table of perplexities: one row per record, one column per text."""
    def make():
        records = RESULTS.records(name)
        rows = [[record["name"]] + [number(record["ppl"].get(text), digits) for text in shown] for record in records]
        return block(protocol, table(["setting"] + [f">{text}" for text in shown], rows), records)

    return make


def storage():
    records = RESULTS.records("storage")
    rows = [[record["name"]] + [number(record[key]) for key in ("mapped", "coded", "coded_codes", "entropy")] for record in records]
    header = ["SmolLM2's blocks, groups of 64", ">mapped", ">coded", ">codes alone, coded", ">entropy of the codes"]
    return block("bits per weight of all block matrices; mapped and coded include scales, zero points and masks "
                 "(`ctpack recode`, `ctpack inspect --entropy`).", table(header, rows), records)


def embeddings():
    records = RESULTS.records("embeddings")
    if not records:
        return "No results have been recorded yet."
    rows = []
    for record in records:
        float16 = RESULTS.by("name", "embeddings").get(record["name"].split(",")[0] + ", f16", {}).get("ppl", {})
        cells = [f"{number(value)} ({100 * (value / float16[text] - 1):+.2f} %)" if text in float16 else number(value)
                 for text, value in ((text, record["ppl"][text]) for text in texts.NAMES)]
        rows.append([record["name"], f"{record['whole_file']['bytes'] / 1e6:.1f} MB"] + cells)
    return block(PROTOCOL + " In brackets: relative to the embedding in float16.",
                 table(["blocks, embedding", ">whole file"] + [f">{text}" for text in texts.NAMES], rows), records)


def wanda_difference():
    records = RESULTS.records("wanda-62.5")
    rows = [[record["name"]] + [f"{record['difference'][text]:+.1f} %" for text in texts.NAMES] for record in records]
    return block(f"perplexity of plain Wanda at 62.5 %, relative to llm-compressor's. {PROTOCOL}",
                 table(["ctpack's kept weights"] + [f">{text}" for text in texts.NAMES], rows), records)


def arithmetic():
    records = RESULTS.records("arithmetic")
    return block("perplexity relative to float32, SmolLM2-135M-Instruct.",
                 table(["products in bfloat16", ">difference"], [[record["name"], record["difference"]] for record in records]), records)


BFLOAT16 = PROTOCOL.replace("float32", "bfloat16")
TABLES = {
    "compression": both,
    "compression-corrections": perplexities("corrections", PROTOCOL),
    "compression-repair": perplexities("repair", BFLOAT16),
    "compression-strength": perplexities(
        "strength", PROTOCOL.replace("24 windows", "12 windows") + " Setting: 3 bits.", shown=texts.NAMES[:2]),
    "compression-ties": perplexities("ties", BFLOAT16 + " Setting: plain magnitude, 4:8.", digits=0),
    "compression-wanda-statistics": perplexities("wanda-statistics", PROTOCOL + " Setting: plain Wanda, 2:4.", digits=0),
    "compression-wanda-75": perplexities("wanda-75", PROTOCOL + " Setting: plain Wanda, 75 %.", digits=0, shown=texts.NAMES[:1]),
    "compression-wanda-62.5": wanda_difference,
    "compression-machines": perplexities("machines", PROTOCOL + " Setting: 3 bits, the same recipe on two machines."),
    "compression-arithmetic": arithmetic,
    "compression-storage": storage,
    "compression-embeddings": embeddings,
}
