"""Speed relative to peers and to the machine's peak: all commands of `ctpack-benchmarks`.

With --peers (a folder made by peers/setup) both sides run in turns within one run; ratios are medians over the runs. The table
`lines` keeps the benchmarks' whole output, from which the rows of the other tables are parsed.
"""
import pathlib
import re

from .markdown import block, number, provenance, table
from .results import Results, machine
from .tools import HERE

RESULTS = Results("speed")
PACKED = HERE / "smollm2-4bit.yaml"
# The arguments of each command ({model} is dense, {packed} is SmolLM2 at 4 bits), and whether it has a peer.
COMMANDS = {
    "forward": (["forward", "--model", "{model}"], True),
    "prompt-step": (["prompt-step", "--model", "{model}"], True),
    "prompt-step-packed": (["prompt-step", "--model", "{packed}", "--arithmetic", "bfloat16"], True),
    "gptq": (["gptq", "--model", "{model}", "--runs", "1"], True),
    "sparsegpt": (["sparsegpt", "--model", "{model}", "--runs", "1"], True),
    "runtime": (["runtime", "--model", "{packed}"], True),
    "packed-product": (["packed-product"], False),
    "few-rows": (["few-rows"], False),
    "large-decode": (["large-decode"], False),
    "inspect": (["inspect"], False),
    "coded-decode": (["coded-decode", "--model", "{packed}"], False),
    "auto-prompt": (["auto-prompt", "--model", "{packed}"], False),
    "transfer": (["transfer"], False),
    # Long benchmarks, measured only with --only.
    "large-step": (["large-step"], False),
    "decode-loss": (["decode-loss"], False),
    "bounded-memory": (["bounded-memory"], False),
    "compress-time": (["compress-time"], False),
    "shared-machine": (["shared-machine", "--model", "{model}"], False),
}
USUAL = [name for name in COMMANDS if name not in ("large-step", "decode-loss", "bounded-memory", "compress-time", "shared-machine")]
# The rows of the table of peers: the command, the beginning of its line, the row's label.
ROWS = {
    "forward": ("forward", "forward", "forward pass, 1 × 1024 tokens, float32"),
    "prompt-step": ("prompt-step", "prompt step", "prompt update, 4 × 256 tokens, prompt of 100, float32"),
    "prompt-step-packed": ("prompt-step-packed", "prompt step", "the same update on packed 4-bit weights, bfloat16"),
    "gptq": ("gptq", "GPTQ", "GPTQ of the whole model, 4 bits, groups of 64, 64 × 512 tokens"),
    "sparsegpt": ("sparsegpt", "SparseGPT", "SparseGPT of the whole model, 50 %, 64 × 512 tokens"),
    "prefill": ("runtime", "prefill", "prefill of 1024 tokens, 4 bits"),
    "decode": ("runtime", "decode", "decoding one text, 4 bits"),
    "perplexity": ("runtime", "perplexity", "perplexity in windows of 512 tokens, 4 bits"),
    "inspect": ("inspect", "inspect", "checking every byte of a bundle (`inspect --verify fast`)"),
    "coded-decode": ("coded-decode", "decoding", "decoding a coded bundle, in bytes of its codes"),
    "transfer": ("transfer", "transfer", "putting a prompt onto a bundle of 1 GB"),
}
# The rows of the table relative to the machine's peak: the command, the beginning of its line, the row's label.
MACHINE_ROWS = {
    "packed-product forward": ("packed-product", "forward", "1024 × 4096 inputs times packed 4-bit weights, 4096 × 4096"),
    "packed-product transposed": ("packed-product", "transposed", "the same inputs times the transposed weights"),
    "shared-machine two": ("shared-machine", "two builds at once", "a small build, two at once"),
    "shared-machine beside": ("shared-machine", "build beside a busy program", "the same build beside a program that takes one core"),
    "large-step": ("large-step", "prompt step", "prompt update on 7B's shape, 512 tokens, prompt of 100, 4 bits"),
    "large-decode none": ("large-decode", "decode, 7B-shaped, 4-bit none", "decoding from a 7B-shaped bundle, dense 4 bits"),
    "large-decode half": ("large-decode", "decode, 7B-shaped, 4-bit half", "decoding, 50 % sparse, 4 bits"),
    "large-decode twoOfFour": ("large-decode", "decode, 7B-shaped, 4-bit twoOfFour", "decoding, 2:4 sparse, 4 bits"),
}
FEW_ROWS = re.compile(r"one row through (\d+ × \d+) of \d+ bits, (\w+): ctpack ([0-9.]+)")
LINE = re.compile(r"(?P<name>[^:]+): ctpack (?P<value>[0-9.]+) (?P<unit>[^(]+) \([^)]*\)"
                  r"(, (?P<peer>.+) (?P<peer_value>[0-9.]+) [^(]+ \([^)]*\): (?P<ratio>[0-9.]+) times as fast)?;")
SHARE = re.compile(r"(?P<share>[0-9.]+) % of the peak of (?P<peak>[0-9.,]+ [GM]FLOP/s in \w+|[0-9.,]+ GB/s from memory)")
PER_SECOND = re.compile(r"(?P<value>[0-9.,]+) tokens/s")


def arguments(parser):
    parser.add_argument("--peers", type=pathlib.Path, help="a folder made by peers/setup; without it, only ctpack is measured")
    parser.add_argument("--only", action="append", choices=COMMANDS, help="measure with this command; may be repeated (default: all but the long ones)")
    parser.add_argument("more", nargs="*", metavar="-- OPTION", help="further options for the command, as in `--only large-step -- --layers 2`")


def measure(options, tools):
    names = options.only or USUAL
    packed = tools.work / "smollm2-4bit.ctpack"
    if any("{packed}" in COMMANDS[name][0] for name in names) and not packed.exists():
        tools.output(tools.ctpack, "run", PACKED, "--work", tools.work / "smollm2-4bit.work", "--out", packed)
    for name in names:
        command, has_peer = COMMANDS[name]
        peers = ["--peers", options.peers] if has_peer and options.peers else []
        output = tools.output(
            tools.benchmarks, *[part.format(model=options.model, packed=packed) for part in command], *peers, *options.more)
        if output is None:
            continue
        print(output, end="", flush=True)
        lines = output.splitlines()
        RESULTS.keep(tools, "lines", {"command": name, "lines": lines}, ["command"], disturbed=options.disturbed)
        for name_of, rows, parse in (("peers", ROWS, parsed), ("machine", MACHINE_ROWS, beside_peak)):
            for row, (own, start, _) in rows.items():
                found = [at for at, line in enumerate(lines) if line.startswith(start)]
                if own == name and found and (record := parse(*lines[found[0]:found[0] + 2])):
                    RESULTS.keep(tools, name_of, {"row": row, "machine": machine(), **record}, ["row", "machine"], disturbed=options.disturbed)
        for size, sparsity, rate in FEW_ROWS.findall(output):
            record = RESULTS.by("name", "few-rows").get(size, {"name": size}) | {sparsity: float(rate)}
            RESULTS.keep(tools, "few-rows", record, ["name"], disturbed=options.disturbed)


def parsed(line, _next=None):
    """The record of a benchmark's line, in tokens per second if the line has them; None for other lines."""
    match = LINE.match(line)
    if not match:
        return None
    value, peer_value = float(match["value"]), match["peer_value"] and float(match["peer_value"])
    record = {"value": value, "unit": match["unit"], "peer": match["peer"], "peer_value": peer_value,
              "ratio": match["ratio"] and float(match["ratio"])}
    if rates := PER_SECOND.findall(line):
        record |= {"value": float(rates[0].replace(",", "")), "unit": "tokens/s"}
        record["peer_value"] = peer_rate(line, record["peer"])
    if share := SHARE.search(line):
        record |= {"share": float(share["share"]), "peak": share["peak"]}
    return record


def peer_rate(line, peer):
    """The tokens per second of the named peer; None without one."""
    found = peer and re.search(re.escape(peer) + r" ([0-9.,]+) tokens/s", line)
    return float(found[1].replace(",", "")) if found else None


def beside_peak(line, following=""):
    """The result of a benchmark without a peer: its value, its first note, and the ratio on the line that follows, if any."""
    match = LINE.match(line)
    if not match:
        return None
    figure = f"{match['value']} {match['unit'].strip()}"
    notes = [note.strip() for note in line.split(";")[2:]]
    result = figure if not notes else f"{notes[0]}: {figure}"
    ratio = re.match(r"\s+([0-9.]+) times as fast as dense", following)
    return {"result": result + (f", {ratio[1]} times dense" if ratio else "")}


# ---------------------------------------------------------------- tables

def plain(value):
    """A value without trailing zeros."""
    return f"{value:,g}"

def by_machine(name, rows):
    """For each machine with records in a table, the latest first: (record, command, label) of each row that was measured there."""
    machines = {record["measured"]["machine"] or "machine not recorded": record["measured"]["date"] for record in RESULTS.records(name)}
    for place in sorted(machines, key=machines.get, reverse=True):
        found = {record["row"]: record for record in RESULTS.records(name) if (record["measured"]["machine"] or "machine not recorded") == place}
        yield place, [(found[row], command, label) for row, (command, _, label) in rows.items() if row in found]


def beside_peers():
    return "\n\n".join(beside_peers_on(place, records) for place, records in by_machine("peers", ROWS))


def beside_peers_on(place, records):
    rows = []
    for record, command, label in records:
        unit = record["unit"]
        peer = f"{record['peer']} {plain(record['peer_value'])} {unit}" if record["peer"] else ""
        own = f"{plain(record['value'])} {unit}" + (f", {record['note']}" if record.get("note") else "")
        rows.append([label, f"`{COMMANDS[command][0][0]}`", own, peer, number(record["ratio"], 1) if record["ratio"] else "",
                     f"{record['share']:.0f} % of {record['peak']}" if record.get("share") else ""])
    return f"### {place}\n\n" + block(
        "SmolLM2-135M-Instruct, two threads on both sides, in turns within one run; medians. GPTQ and SparseGPT without the steps that the peer "
        "lacks (`drift: none`, `repair_steps: 0`).", table(["work", "benchmark", ">ctpack", ">peer", ">times as fast", "ctpack's share of the machine's peak"], rows),
                 [record for record, _, _ in records])


def same_work():
    records = RESULTS.records("same-work")
    rows = [[record["name"], number(record["ctpack"], 1), number(record["peer"], 1)] for record in records]
    return block("perplexity on 24 held-out windows of C4 after the compressions timed above (uncompressed: 38.0).",
                 table(["timed compression", ">ctpack", ">llm-compressor"], rows), records)


def beside_machine():
    return "\n\n".join(beside_machine_on(place, records) for place, records in by_machine("machine", MACHINE_ROWS))


def beside_machine_on(place, records):
    return f"### {place}\n\n" + block("relative to the machine's peak, measured in the same run; dense and sparse decoding in turns, memory bandwidth measured before and "
                 "after each turn.", table(["work", "benchmark", ">result"], [[label, f"`{command}`", record["result"]] for record, command, label in records]),
                 [record for record, _, _ in records])


def few_rows():
    records = RESULTS.records("few-rows")
    rows = [[record["name"]] + [plain(record[key]) for key in ("none", "half", "twoOfFour")] for record in records]
    return block("one input row times a 4-bit matrix in a core's own caches (`ctpack-benchmarks few-rows`); billions of weights per second and core.",
                 table(["matrix", ">dense", ">50 % sparse", ">2:4 sparse"], rows), records)


def memory():
    records = RESULTS.records("memory")
    rows = [[record["name"], f"{record['block']} s" if record["block"] else "–", f"{record['memory']} GB" if record["memory"] else "–", record["whole"] or "–"] for record in records]
    return block("a checkpoint of LLaMA-7B's shape (32 blocks, 13.5 GB, random weights: `ctpack-benchmarks llama-shape`), compressed to 4 bits in groups "
                 "of 64 with 8 × 512 calibration tokens; two threads (`bounded-memory`). Memory includes mapped pages.",
                 table(["compression", ">time per block", ">memory", ">32 blocks"], rows), records)


def quickstart():
    records = RESULTS.records("quickstart")
    rows = [[record["name"], f"{record['seconds'] // 60}:{record['seconds'] % 60:02}"] for record in records]
    return block("`make quickstart` on two cores, program built and model fetched; 1.2 GiB of memory at most.", table(["stage", ">minutes"], rows), records)


def lines():
    records = RESULTS.records("lines")
    if not records:
        return "No output has been recorded yet."
    text = "\n".join(line for record in records for line in [f"# {record['command']}", *record["lines"]])
    return f"```\n{text}\n```\n\n{provenance(records)}"


TABLES = {"speed-peers": beside_peers, "speed-same-work": same_work, "speed-machine": beside_machine, "speed-few-rows": few_rows,
          "speed-memory": memory, "speed-quickstart": quickstart, "speed-lines": lines}
