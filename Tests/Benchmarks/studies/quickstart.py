"""The quick start's perplexities, file size and `inspect` page, for README.md.

Runs the recipe, or with --bundle uses an artifact of it, and records the output of `ctpack inspect --verify full`.
"""
import pathlib

from .markdown import number, provenance, table
from .results import Results
from .tools import ROOT

RESULTS = Results("quickstart")
LABELS = {"c4-validation": "C4 validation", "wikitext-2": "WikiText-2 test"}
STATES = ("full", "full + prompt", "compressed", "compressed + prompt")


def arguments(parser):
    parser.add_argument("--recipe", choices=("quickstart", "quickstart-short"), default="quickstart")
    parser.add_argument("--bundle", type=pathlib.Path, help="an artifact of this recipe; the recipe is then not run")


def measure(options, tools):
    bundle = options.bundle or tools.work / "smollm2-3bit.ctpack"
    if not options.bundle:
        tools.output(tools.ctpack, "run", ROOT / f"Recipes/{options.recipe}.yaml", "--work", tools.work, "--out", bundle)
    answer = tools.answer(tools.ctpack, "inspect", bundle, "--verify", "full", "--json")
    page = tools.output(tools.ctpack, "inspect", bundle, "--verify", "full") or ""
    records = {}
    for row in answer["evidence"]:
        if row["text"] not in LABELS:
            continue
        record = records.setdefault(row["text"], {"recipe": options.recipe, "text": LABELS[row["text"]], "windows": row["windows"], "ppl": {}})
        record["ppl"][row["model"] + (" + prompt" if row["prompt"] else "")] = row["ppl"]
    for record in records.values():
        RESULTS.keep(tools, "ppl", record, ["recipe", "text"])
    if not tools.dry:
        RESULTS.keep(
            tools, "pages", {"recipe": options.recipe, "bytes": bundle.stat().st_size, "source_bytes": options.model.stat().st_size,
                             "lines": page.replace(str(bundle), bundle.name).splitlines()}, ["recipe"])


def ppl():
    records = [record for record in RESULTS.records("ppl") if record["recipe"] == "quickstart"]
    rows = [[record["text"]] + [number(record["ppl"][state]) for state in STATES] for record in records]
    protocol = (f"Protocol: `ctp-1024`, first {records[0]['windows']} windows of 1024 tokens of each text, float32. Model: SmolLM2-135M-Instruct, "
                "3-bit GPTQ in groups of 64, a prompt of 100 tokens learned from C4 train. Perplexity, lower is better.")
    size = {record["name"]: record["value"] for record in RESULTS.records("size")}
    weights = (f"The blocks' weights take {size['bits_per_weight']:.2f} bits each, scales and zero points included: {size['blocks_mb']} MB "
               f"instead of {size['blocks_float32_mb']} MB in float32.")
    return f"{protocol} {weights}\n\n{table(['text'] + [f'>{state}' for state in STATES], rows)}\n\n{provenance(records)}"


def page():
    """The `inspect` page with the sizes of file and source: of the full quick start if it has been measured, else of the short one."""
    pages = RESULTS.by("recipe", "pages")
    found = pages.get("quickstart") or pages["quickstart-short"]
    text = "```\n" + "\n".join(found["lines"]) + "\n```"
    megabytes = [f"{found[key] / 1e6:.1f} MB" for key in ("bytes", "source_bytes")]
    return (f"{text}\n\nThe page is that of Recipes/{found['recipe']}.yaml. The whole file takes {megabytes[0]}; the GGUF checkpoint that it was made from takes "
            f"{megabytes[1]}.\n\n{provenance([found])}")


TABLES = {"quickstart": ppl, "quickstart-page": page}
