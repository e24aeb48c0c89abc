"""The tables of Results/seeds.md, from the records that `measure seeds` keeps; they show what there is so far."""
import math

from .markdown import estimate, number, partial
from .results import Results
from .texts import NAMES

RESULTS = Results("seeds")
COMPRESSIONS = (("4bit", "4 bits"), ("3bit", "3 bits"), ("2bit", "2 bits"), ("half", "50 % sparse"), ("62.5", "62.5 % sparse"),
                ("75", "75 % sparse"), ("joint", "50 % sparse, 4 bits"))
MODELS = ("full", "full + prompt", "compressed", "compressed + prompt")
LENGTHS = (25, 50, 75, 100)
OWN = (("wikitext-2-test", "own-wikitext"), ("ptb-test", "own-ptb"))
VARIED = COMPRESSIONS[1], COMPRESSIONS[3]
MODEL = "SmolLM2-135M-Instruct"
TEXTS = (f"`ctp-1024`, first 24 windows of 1024 tokens of each text, products in bfloat16. Model: {MODEL}. ±: one standard error, over windows.")
PROMPT = "Prompts of 100 tokens, 120 updates of 1 × 1024 tokens of C4 train, cross-entropy."
RATIO = "× full: perplexity relative to that of the full model without a prompt, with the paired error."


def found(names):
    """The records of variants, those that there are, and the names of the others."""
    names = list(names)
    records = RESULTS.by("name", "variants")
    return {name: records[name] for name in names if name in records}, [f"`{name}`" for name in names if name not in records]


def gain(models):
    """The nats per token by which the prompt lowers the compressed model's loss, of those that compression added."""
    losses = {model: math.log(one["ppl"][0]) for model, one in models.items()}
    gap, closed = losses["compressed"] - losses["full"], losses["compressed"] - losses["compressed + prompt"]
    return f"{number(closed, 3)} of {number(gap, 3)}"


def perplexity():
    records, missing = found(name for name, _ in COMPRESSIONS)
    rows = []
    for name, label in COMPRESSIONS:
        for text in [text for text in NAMES if name in records and text in records[name]["texts"]]:
            models = records[name]["texts"][text]
            rows.append([label, text] + [estimate(models[model]["ppl"]) for model in MODELS] +
                        [estimate(models[model]["ratio"], 3) for model in MODELS[1:]] + [gain(models)])
    header = ["compression", "text"] + [f">{model}" for model in MODELS] + [f">{model}, × full" for model in MODELS[1:]] + [">gap closed, nats"]
    return partial(f"{TEXTS} {PROMPT} {RATIO} Gap closed: of the nats per token that compression adds, those that the prompt takes back.",
                   header, rows, records.values(), "seeds", missing)


def divergence():
    records, missing = found(name for name, _ in COMPRESSIONS)
    rows = []
    for name, label in COMPRESSIONS:
        for text in [text for text in NAMES if name in records and text in records[name]["texts"]]:
            models = records[name]["texts"][text]
            rows.append([label, text] + [estimate(models[model]["kl"], 3) for model in MODELS[1:]] +
                        [estimate(models[model]["same_top"], 1, 100) for model in MODELS[1:]])
    header = ["compression", "text"] + [f">KL: {model}" for model in MODELS[1:]] + [f">same top: {model}" for model in MODELS[1:]]
    return partial(f"{TEXTS} {PROMPT} Against the full model without a prompt, for which KL is 0 and the same top token 100 %: mean KL "
                   "divergence in nats per token, and the percentage of tokens for which both find the same token likeliest.",
                   header, rows, records.values(), "seeds", missing)


def flips(one, metric):
    """Rows that turned wrong, rows that turned right, and McNemar's p."""
    if "flips" not in one:
        return ["–", "–"]
    flip = one["flips"][metric]
    return [f"{flip['lost']} / {flip['gained']}", f"{flip['p']:.2g}"]


def tasks():
    records, missing = found(name for name, _ in COMPRESSIONS)
    rows = []
    for name, label in COMPRESSIONS:
        for task, one in records[name]["tasks"].items() if name in records else ():
            seen, total = one["rows"]
            of = f"all {seen:,} rows" if seen == total else f"{seen:,} of {total:,} rows"
            shown = [estimate(one["models"][model][one["metric"]], 1, 100) for model in MODELS]
            changed = [cell for model in MODELS[2:] for cell in flips(one["models"][model], one["metric"])]
            rows.append([label, f"{task}, {one['metric']}", of] + shown + changed)
    header = ["compression", "task", ">rows"] + [f">{model}" for model in MODELS]
    header += [f">{part}{model}" for model in MODELS[2:] for part in ("right → wrong / wrong → right, ", "p, ")]
    return partial(f"`ctpack task` without examples, products in bfloat16. Model: {MODEL}. {PROMPT} Percentage of rows answered rightly ± one "
                   "standard error, by the task file's main metric. Flips: rows answered rightly by the full model without a prompt and wrongly by "
                   "this one, and the reverse, with the p-value of McNemar's exact test.", header, rows, records.values(), "seeds", missing)


def lengths():
    names = {(name, length): name if length == 100 else f"{name}-length-{length}" for name, _ in VARIED for length in LENGTHS}
    records, missing = found(names.values())
    rows = []
    for name, label in VARIED:
        own = {length: records[names[name, length]] for length in LENGTHS if names[name, length] in records}
        for text in NAMES if own else ():
            for model, words in (("compressed", label), ("full", f"full, with the prompts for {label}")):
                # The model without a prompt is the same in every variant.
                plain = next(iter(own.values()))["texts"][text][model]["ppl"]
                cells = [own[length]["texts"][text][f"{model} + prompt"]["ppl"] if length in own else None for length in LENGTHS]
                rows.append([words, text, estimate(plain)] + [estimate(cell) for cell in cells])
    header = ["model", "text", ">0 tokens"] + [f">{length} tokens" for length in LENGTHS]
    return partial(f"{TEXTS} Soft prompts of 25 to 100 tokens, 120 updates of 1 × 1024 tokens of C4 train, cross-entropy. Perplexity.",
                   header, rows, records.values(), "seeds", missing)


def own_text():
    records, missing = found([variant for name, _ in VARIED for variant in [name, *(f"{name}-{own}" for _, own in OWN)]])
    rows = []
    for name, label in VARIED:
        for text, suffix in OWN:
            c4, own = (records.get(variant, {}).get("texts", {}).get(text) for variant in (name, f"{name}-{suffix}"))
            if not (c4 or own):
                continue
            cells = [(c4 or own)["full"], own and own["full + prompt"], (c4 or own)["compressed"], c4 and c4["compressed + prompt"],
                     own and own["compressed + prompt"]]
            rows.append([label, text] + [estimate(cell and cell["ppl"]) for cell in cells])
    header = ["compression", "text", ">full", ">full + prompt from this text", ">compressed", ">compressed + prompt from C4",
              ">compressed + prompt from this text"]
    return partial(f"{TEXTS} {PROMPT.replace('C4 train', 'C4 train, or of the training split of the text itself')} Perplexity.",
                   header, rows, records.values(), "seeds", missing)


FORMS = {"none": "", "run": "run through the model", "key-values": "from keys and values", "weights": "beside the weights"}


def times(case):
    """A case's median times, and its times relative to no prompt with their quartiles."""
    def relative(key):
        median, low, high = case["relative"][key]
        return f"{median:.3f} [{low:.3f}, {high:.3f}]"

    milliseconds = [f"{1000 * case['seconds'][key][0]:,.2f}" for key in ("first_token", "decode")]
    return milliseconds + [relative(key) for key in ("prefill", "first_token", "decode")]


TIMES = [">first token, ms", ">decode, ms per token", ">prefill, relative", ">first token, relative", ">decode, relative"]


def bench(one):
    """The words for a measurement of `ctpack bench`."""
    text, generated = one["protocol"].removeprefix("bench-").split("-")
    warning = f" {one['warning'][0].upper()}{one['warning'][1:]}." if one["warning"] else ""
    return (f"`ctpack bench`, {text} tokens of text, then {generated} one by one; medians of {one['repeats']} rounds, all cases in turns, products in "
            f"{one['arithmetic']}, cache in {one['cache']}. Relative to no prompt, round by round, with quartiles in brackets.{warning}")


def latency():
    records = RESULTS.records("latency")
    rows = [[str(case["tokens"]), FORMS[case["form"]]] + times(case) for record in records for case in record["cases"]]
    protocol = f"{bench(records[0])} Model: {MODEL}, 3 bits in groups of 64." if records else "`ctpack bench`, soft prompts of 0 to 100 tokens."
    return partial(protocol, [">tokens of the prompt", "its rows"] + TIMES, rows, records, "seeds --only latency")


TABLES = {"seeds-perplexity": perplexity, "seeds-divergence": divergence, "seeds-tasks": tasks, "seeds-length": lengths,
          "seeds-own-text": own_text, "seeds-latency": latency}
