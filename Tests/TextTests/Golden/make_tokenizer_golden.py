"""Writes token ids of difficult texts by Hugging Face `tokenizers`, for a tiny tokenizer of each family.

usage: make_tokenizer_golden.py OUT [SMOLLM2_TOKENIZER_JSON]     (packages: Tests/Golden/requirements.txt; `make golden` runs it)

Writes OUT/hard-cases.json (the texts), OUT/NAME.tokenizer.json (tokenizers trained here on generated text) and
OUT/NAME.expected.json (for each text the ids and the decoded text, null if it equals the text). OUT/scored.json is a vocabulary with
scores, whose merges `transformers` derives (generate_merges). Given SmolLM2's tokenizer.json, it also writes OUT/smollm2.json.
"""
import hashlib
import json
import os
import random
import struct
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers
from transformers.convert_slow_tokenizer import generate_merges

OUT = sys.argv[1]
os.makedirs(OUT, exist_ok=True)
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
HEAD = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
LLAMA3 = HEAD + r"|\p{N}{1,3}" + REST
QWEN2 = HEAD + r"|\p{N}" + REST


def hard_cases():
    """The cases as bytes; those that aren't UTF-8 are decoded with errors="replace"."""
    texts = [
        "", " ", "  ", "\n", "\n\n\n", "\t", " \t \n \r\n  x", "a", "Hello, world!", "  leading and trailing  ",
        "The quick brown fox jumps over the lazy dog.", "I'm you're he'll she'd we've it's don't 's 'S 'LL 'Ve",
        "I'M YOU'RE HE'LL SHE'D WE'VE IT'S DON'T '\u017f it'\u017fx ''s '' ' l'll r're", "x'\u212a k'K",
        "0 1 12 123 1234 12345 1234567890 3.14159 1,000,000 0x1F 2\u00b2 \u00bd \u0663\u0664\u0665 \u2167 \u4e00\u4e8c",
        "snake_case camelCase kebab-case UPPER lower __init__ a+b=c x*y/z <tag attr='v'> {k: [v]} #$%^&*()",
        "emoji \U0001F600\U0001F44D\U0001F3FD \U0001F468\u200d\U0001F469\u200d\U0001F467\u200d\U0001F466 \U0001F1E9\U0001F1EA \u2764\ufe0f",
        "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\u3002\u4e2d\u6587\u6587\u672c\uff0c\ud55c\uad6d\uc5b4 \u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22",
        "e\u0301 vs \u00e9, A\u030a vs \u00c5 vs \u212b, \u0915\u094d\u0937 \u0928\u0940 a\u0308\u0323\u0301",
        "\u05e9\u05dc\u05d5\u05dd \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u200f\u200etext\u202b rtl \u202c",
        "a\u00a0b\u00a0\u00a0c\u3000d\u2003e\u2028f\u2029g\u0085h\u000bi\u000cj\ufeffk\u200bl\u180em",
        "nul\u0000in\u0001side \u0007bell \u001b[31mred\u001b[0m \u007fdel \u0080\u009f",
        "spaces:" + " " * 7 + "x" + " " * 33 + "y\n" + "\n" * 5 + "z" + "\t" * 9 + "t \n \n  \n",
        "\r\n\r\nwin\r\nlines\r\rold\n\rmix \r\n", "end with spaces   ", "end with newline\n", "a \n b", "a\n b", "!\n\n?\r\n",
        "x" * 150, "ab" * 100, "\u00e4" * 30, "the" * 40, " " * 120, "\n" * 90, "1" * 50, "!" * 64, "\U0001F600" * 20,
        "Donaudampfschifffahrtselektrizit\u00e4tenhauptbetriebswerkbauunterbeamtengesellschaft",
        "<s>special</s> in <unk> text <s> </s><s></s> <|endoftext|>a<|endoftext|> b <|im_start|>user\nhi<|im_end|>\n",
        "<mask> a <mask>b a<mask> <mask>  <mask>", "single word [W] and[W]not [W]x x[W] [W]", "Norm NORM norm n\u00f6rm",
        "<|endoftext", "<|endoftext|", "|endoftext|>", "<0x41><0x0A> <0xFF>", "\u2581already \u2581 marked\u2581\u2581",
        "\u0120the \u010a \u0100 byte alphabet written out", "\u1e9b\u0323 \ufb01 \u2460 \uff21\uff42\uff43 \u00b5 \u2126 \ufdfa",
        "\u0130stanbul \u0131 STRASSE stra\u00dfe \u1e9e \u03a3\u03a3 \u03c2 \u01c5 \u0345", "\U0001D54F\U0001D7D9 \U00020000 \U0010FFFD \U000E0041 \ue000 \ufffd",
        "\u0378 unassigned \u05ff \U0001F9FF \U0001FAE8 \u1c89 \U000105C0", "URL https://example.org/a/b?c=d&e=%20#f mail a.b@c.de",
        "def f(x):\n    return x ** 2  # comment\n\n\nif __name__ == '__main__':\n\tprint(f(3))\n",
        "M\u00fcller's caf\u00e9's na\u00efve 'quoted' \u2018curly\u2019 \u201cdouble\u201d it\u2019s \u2014 dash \u2026",
    ]
    raw = [b"bad \xff byte", b"cut \xe2\x82", b"cut \xf0\x9f\x98 mid", b"\xc0\xaf overlong \xe0\x80\xaf", b"\xed\xa0\x80 surrogate",
           b"\xf4\x90\x80\x80 beyond", b"\x80\x81 lone tails \xbf", b"\xf0\x9f\x98\xf0\x9f\x98\x80 \xe2(\xa1", b"\xfe\xfe\xff\xff", b"\xe1\xa0\xc0\xc1a\xf5"]
    rng = random.Random(7)
    pool = [0x20, 0x20, 0x0A, 0x27, 0x73, 0x53, 0x2581, 0x30, 0x39, 0x61, 0x74, 0x68, 0x65, 0xE9, 0x301, 0x4E2D, 0x1F600,
            0x200D, 0x5D0, 0xA0, 0x3000, 0x0D, 0x09, 0x2E, 0x21, 0x2C, 0x17F, 0xBD, 0x663, 0x5F, 0x1D54F, 0x85]
    for length in (20, 40, 80):
        for _ in range(4):
            texts.append("".join(chr(rng.choice(pool)) for _ in range(length)))
    # Cases for normalization to sort and compose: marks around ones that decompose, decomposed Hangul.
    pool = [0x61, 0x41, 0x65, 0x915, 0x3B1, 0x301, 0x300, 0x308, 0x323, 0x327, 0x345, 0x342, 0x344, 0x3099, 0xF71, 0xF72,
            0xF73, 0xF79, 0xF81, 0x9C7, 0x9BE, 0x93C, 0x338, 0x5B4, 0x1100, 0x1161, 0x11A8, 0x11C3, 0xAC00, 0xAC01, 0xBF4C,
            0x30AB, 0x212B, 0x1E9B, 0xFB2C, 0x32FF, 0x11938, 0x1D15E, 0xFDFA]
    for _ in range(6):
        texts.append("".join(chr(rng.choice(pool)) for _ in range(40)))
    return [t.encode() for t in texts] + raw


def corpus():
    """Generated text: word-like syllables with a skewed distribution, punctuation, numbers, a little Unicode."""
    rng = random.Random(3)
    onset = ["b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "th", "st", "tr", "w", "wh", "ch", ""]
    nucleus = ["a", "e", "i", "o", "u", "ee", "ou", "ai", "\u00e9", "\u00fc"]
    coda = ["", "", "n", "s", "t", "r", "nd", "ng", "ll", "st", "'s", "'t", "'ll"]
    words = ["the", "and", "of", "to", "in", "he", "it", "'s", "was"] * 4
    words += ["".join(rng.choice(p) for p in (onset, nucleus, coda)) * rng.choice([1, 1, 2]) for _ in range(400)]
    words += ["\u4e2d\u6587", "\u65e5\u672c", "\U0001F600", "\u05e9\u05dc\u05d5\u05dd", "2024", "1000", "...", "--", "(", ")"]
    lines = []
    for _ in range(700):
        line = []
        for _ in range(rng.randint(3, 14)):
            word = words[min(int(rng.paretovariate(0.7)) - 1, len(words) - 1)]
            line.append(word.capitalize() if rng.random() < 0.1 else word)
        lines.append(("    " if rng.random() < 0.1 else "") + " ".join(line) + rng.choice([".", "!", "?", ",", "\n", ".\n\n", "  "]))
    return lines


def train(tokenizer, size, **options):
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=size, show_progress=False, **options))
    return tokenizer


def byte_level(pre, size=600, specials=("<|endoftext|>", "<|im_start|>", "<|im_end|>"), **options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    return train(tokenizer, size, special_tokens=list(specials), initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def split(pattern):
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), level])


def metaspace_model(size=600, fallback=True, **options):
    """A Metaspace vocabulary with byte tokens; trained on words, then given the fallback."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    bytes_ = [f"<0x{b:02X}>" for b in range(256)] if fallback else []
    train(trained, size, special_tokens=["<unk>", "<s>", "</s>"] + bytes_, limit_alphabet=60)
    data = json.loads(trained.to_str())
    data["model"].update(byte_fallback=fallback, **options)
    data["added_tokens"] = data["added_tokens"][:3]
    return data


def tokenizers():
    gpt2 = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False))
    yield "byte-level", gpt2.to_str()
    smol = byte_level(pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), 450)
    yield "digits", smol.to_str()

    llama3 = byte_level(split(LLAMA3), 500, ignore_merges=True)
    llama3.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])])
    data = json.loads(llama3.to_str())
    # A word that is a token although no merges produce it, as in Llama 3's vocabulary.
    data["model"]["vocab"]["\u0120brown"] = len(data["model"]["vocab"])
    yield "llama3", json.dumps(data)

    qwen2 = byte_level(split(QWEN2), 500)
    qwen2.normalizer = normalizers.NFC()
    qwen2.add_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False), AddedToken("[W]", single_word=True),
                      AddedToken("n\u00f6rm"), AddedToken("<|endoftext|>a")])
    yield "qwen2", qwen2.to_str()

    prefix = byte_level(pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{N}{1,2}(?=[\s\S])|[A-Z]+?[^\W\d_]|\d"), "merged_with_previous"), pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.ByteLevel(add_prefix_space=True)]), 400)
    prefix.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(),
                                              normalizers.Replace("th", "d"), normalizers.Replace(Regex(r"\s{2,}"), " ")])
    yield "chain", prefix.to_str()

    # Llama 2: no pre-tokenizer; the normalizer writes the marks.
    data = metaspace_model(600, fuse_unk=True)
    data["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
    data["pre_tokenizer"] = None
    data["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    data["post_processor"] = json.loads(processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]).__getstate__())
    yield "llama2", json.dumps(data)

    # The newer spelling: a Metaspace pre-tokenizer that splits nothing.
    data = metaspace_model(500, fuse_unk=True)
    data["pre_tokenizer"] = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}
    data["decoder"] = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}
    yield "metaspace-first", json.dumps(data)

    # No fallback: unknown tokens, fused or not, and words split at the marks.
    data = metaspace_model(320, fallback=False, fuse_unk=False)
    data["pre_tokenizer"] = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    data["decoder"] = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    yield "unknown", json.dumps(data)
    data["model"]["fuse_unk"] = True
    data["normalizer"] = {"type": "NFD"}
    data["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        {"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": False},
        {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "never", "split": True},
        {"type": "Split", "pattern": {"String": "th"}, "behavior": "MergedWithNext", "invert": False}]}
    data["decoder"] = None
    yield "fused-unknown", json.dumps(data)


def scored():
    """A vocabulary with scores, as in a GGUF file of the model "llama", and the converted tokenizer."""
    rng = random.Random(11)
    data = metaspace_model(420)
    tokens = sorted(data["model"]["vocab"], key=data["model"]["vocab"].get)
    types = [2, 3, 3] + [6] * 256 + [1] * (len(tokens) - 259)
    # Scores like those of a trained SentencePiece model, but some equal and some out of order.
    scores = [0.0] * 259 + [-float(i // 2) - rng.choice([0, 0, 5]) for i in range(len(tokens) - 259)]
    model = data["model"]
    normal = {t: s for t, s, k in zip(tokens, scores, types) if k == 1}
    model["merges"] = [list(m) for m in generate_merges(model["vocab"], normal)]
    model.update(fuse_unk=True, unk_token="<unk>")
    data["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}
    data["pre_tokenizer"] = None
    return {"tokens": tokens, "types": types, "scores": scores}, json.dumps(data)


def digest(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()


def write(name, value):
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def main():
    cases = hard_cases()
    write("hard-cases.json", [case.hex() for case in cases])
    for name, text in tokenizers():
        data = json.loads(text)
        write(f"{name}.tokenizer.json", data)
        tokenizer = Tokenizer.from_file(os.path.join(OUT, f"{name}.tokenizer.json"))
        rows = []
        for case in cases:
            text = case.decode("utf-8", "replace")
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            decoded = tokenizer.decode(ids, skip_special_tokens=False)
            rows.append([ids, None if decoded == text else decoded])
        framed = tokenizer.encode("Hello").ids
        write(f"{name}.expected.json", {"cases": rows, "framed_hello": framed})
    vocabulary, text = scored()
    tokenizer = Tokenizer.from_str(text)
    write("scored.json", vocabulary | {"ids": [
        tokenizer.encode(c.decode("utf-8", "replace"), add_special_tokens=False).ids for c in cases]})
    if len(sys.argv) > 2:
        tokenizer = Tokenizer.from_file(sys.argv[2])
        rows = [tokenizer.encode(c.decode("utf-8", "replace"), add_special_tokens=False).ids for c in cases]
        write("smollm2.json", {"sha256": [digest(ids) for ids in rows], "first": [ids[:8] for ids in rows]})


main()
