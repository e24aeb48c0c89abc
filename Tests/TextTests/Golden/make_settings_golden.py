"""Writes what transformers' AutoTokenizer makes of the files beside a vocabulary, and the keys that the peers know.

usage: make_settings_golden.py OUT     (packages: Tests/Golden/requirements.txt; `make golden` runs it)

OUT/settings.json: {"text", "cases": [{"name", "files": {name: contents}, "ids", "framed"}]}; files are JSON values, or the text of
merges.txt; "ids" are those of the text without special tokens, "framed" those of "the" with them.
OUT/peer-keys.json: the keys of tokenizer_config.json, of GGUF's tokenizer, and the component types of tokenizer.json.
"""
import copy
import inspect
import json
import os
import pathlib
import re
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import gguf
import tokenizers
import transformers
from transformers import AutoTokenizer, GPT2Tokenizer, LlamaTokenizer, PreTrainedTokenizerBase, Qwen2Tokenizer
from transformers import tokenization_utils_base, tokenization_utils_tokenizers

transformers.logging.set_verbosity_error()
OUT = pathlib.Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)
MERGES = ["t h", "th e", "Ġ t", "i n", "Ġ a", "e r", "o n", "Ġt h", "Ġth e", "r e", "a n", "Ġa n", "Ġan d", "in g"]
TEXT = "the <|x|> and<|x|>  <|end|>  ring <img>the[X]  an\n"


def alphabet():
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in keep]
    return [chr(b) if b in keep else chr(256 + rest.index(b)) for b in range(256)]


def vocabulary(first=()):
    vocab = {t: i for i, t in enumerate(first)}
    for t in alphabet() + ["".join(m.split()) for m in MERGES]:
        vocab.setdefault(t, len(vocab))
    return vocab


def token(content, **flags):
    plain = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}
    return {"content": content, **plain, **flags}


def document(added=(("<|end|>", 270),), vocab=None, **changes):
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    root = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [dict(token(t) if isinstance(t, str) else t, id=i) for t, i in added],
        "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab or vocabulary(), "merges": MERGES}}
    return {**root, **changes}


FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}
BASE = document()
GAP = vocabulary()
GAP["ing"] = 300
CASES = {
    "decoder": {"tokenizer_config.json": {**FAST, "added_tokens_decoder": {"270": token("<|end|>"), "271": token("<|x|>")}}},
    "decoder, other ids": {"tokenizer_config.json": {**FAST, "added_tokens_decoder": {"300": token("[X]"), "299": token("<|x|>")}}},
    "decoder, flags": {"tokenizer_config.json": {**FAST, "added_tokens_decoder": {
        "270": token("<|end|>", rstrip=True), "271": token("<|x|>", lstrip=True), "272": token("[X]", special=False, normalized=True)}}},
    "decoder, single word": {"tokenizer_config.json": {**FAST, "added_tokens_decoder": {"271": token("an", single_word=True)}}},
    "decoder beside older files": {
        "tokenizer_config.json": {**FAST, "added_tokens_decoder": {"271": token("<|x|>")}},
        "special_tokens_map.json": {"pad_token": "[X]"}, "added_tokens.json": {"<img>": 272}},
    "pad": {"tokenizer_config.json": {**FAST, "pad_token": "<|x|>"}},
    "pad, object": {"tokenizer_config.json": {**FAST, "pad_token": {"__type": "AddedToken", **token("<|x|>", lstrip=True)}}},
    "bos of the vocabulary": {"tokenizer_config.json": {**FAST, "bos_token": "the", "add_bos_token": True}},
    "model's own token": {"tokenizer_config.json": {**FAST, "image_token": "<img>", "mask_token": "[X]"}},
    "additional": {"tokenizer_config.json": {**FAST, "additional_special_tokens": ["<|x|>", "[X]", "<|x|>"]}},
    "extra": {"tokenizer_config.json": {**FAST, "extra_special_tokens": ["<|x|>"]}},
    "extra, named": {"tokenizer_config.json": {**FAST, "extra_special_tokens": {"image_token": "<img>"}}},
    "added": {"tokenizer_config.json": FAST, "added_tokens.json": {"<|x|>": 271}},
    "added, in order of ids": {"added_tokens.json": {"[X]": 300, "<|x|>": 280}},
    "added, of the vocabulary": {"added_tokens.json": {"ring": 280, "and": 268}},
    "map": {"special_tokens_map.json": {"eos_token": "<|x|>", "additional_special_tokens": ["[X]"]}},
    "map, object": {"special_tokens_map.json": {"eos_token": {"content": "<|x|>", "lstrip": True, "rstrip": True, "single_word": False, "normalized": False}}},
    "map before settings": {"tokenizer_config.json": {**FAST, "pad_token": "<|x|>"}, "special_tokens_map.json": {"pad_token": "[X]"}},
    "known tokens": {"tokenizer_config.json": {**FAST, "eos_token": "<|end|>", "pad_token": None, "legacy": False, "use_fast": True,
                                               "clean_up_tokenization_spaces": True, "model_max_length": 8, "do_lower_case": True}},
    "no settings": {},
    "added, far away": {"tokenizer.json": document([("<|end|>", 270), ("[X]", 400)])},
    "added, only far away": {"tokenizer.json": document([("[X]", 400), ("<|x|>", 7000)])},
    "vocabulary with a gap": {"tokenizer.json": document([], GAP)},
    "vocabulary with a gap and a token": {"tokenizer.json": document([("<|end|>", 270)], GAP), "added_tokens.json": {"<|x|>": 301}},
    "twice with other flags": {"tokenizer.json": document([("<|x|>", 270), (token("<|x|>", rstrip=True, lstrip=True), 270)])},
    "truncation and padding": {"tokenizer.json": document(
        truncation={"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        padding={"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "!"})},
}
OPT = vocabulary(["<s>", "<pad>", "</s>", "<unk>"])
NAMED = {k: token(t, special=False, normalized=True) | {"__type": "AddedToken"}
         for k, t in (("unk_token", "</s>"), ("bos_token", "</s>"), ("eos_token", "</s>"), ("pad_token", "<pad>"))}
SLOW = {**NAMED, "add_prefix_space": False, "add_bos_token": True, "tokenizer_class": "GPT2Tokenizer"}
OLDER = {
    "added": {"tokenizer_config.json": SLOW, "added_tokens.json": {"[X]": len(OPT)}},
    "decoder": {"tokenizer_config.json": {**SLOW, "added_tokens_decoder": {str(len(OPT)): token("[X]")}}},
    "pad": {"tokenizer_config.json": {**SLOW, "pad_token": "[X]"}, "added_tokens.json": {"[X]": len(OPT)}},
    "pad alone": {"tokenizer_config.json": {**SLOW, "pad_token": "[X]"}},
    "ends": {"tokenizer_config.json": {**SLOW, "add_eos_token": True, "add_prefix_space": True}},
    "flags": {"tokenizer_config.json": {**SLOW, "mask_token": {"__type": "AddedToken", **token("[X]", lstrip=True, rstrip=True)}}},
    "additional": {"tokenizer_config.json": {**SLOW, "additional_special_tokens": ["<|x|>", "<img>"]}},
    "map": {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer"}, "special_tokens_map.json": {
        "bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "[X]"}},
}
MODEL = {"architectures": ["OPTForCausalLM"], "model_type": "opt"}


def answer(files):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        kind = "opt" if "vocab.json" in files else "llama"
        (folder / "config.json").write_text(json.dumps({"model_type": kind}))
        for name, value in files.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            (folder / name).write_text(text, encoding="utf-8")
        peer = AutoTokenizer.from_pretrained(folder)
        return {"ids": peer(TEXT, add_special_tokens=False)["input_ids"], "framed": peer("the")["input_ids"]}


cases = []
for name, files in CASES.items():
    full = {"tokenizer.json": BASE, **files}
    cases.append({"name": name, "files": files, **answer(copy.deepcopy(full))})
for name, files in OLDER.items():
    full = {"vocab.json": OPT, "merges.txt": "#version: 0.2\n" + "".join(m + "\n" for m in MERGES), **files}
    cases.append({"name": "older: " + name, "files": files, **answer(copy.deepcopy(full))})
lines = ",\n".join("  " + json.dumps(c, ensure_ascii=False) for c in cases)
head = json.dumps({"text": TEXT, "tokenizer": BASE, "vocabulary": OPT, "merges": MERGES}, ensure_ascii=False)[1:-1]
(OUT / "settings.json").write_text("{" + head + ', "cases": [\n' + lines + "\n]}\n", encoding="utf-8")


def settings_keys():
    keys = set(PreTrainedTokenizerBase.SPECIAL_TOKENS_ATTRIBUTES)
    for kind in (GPT2Tokenizer, LlamaTokenizer, Qwen2Tokenizer):
        keys |= {n for n in inspect.signature(kind.__init__).parameters if n not in ("self", "kwargs", "vocab", "merges")}
    pattern = r'kwargs\.(?:pop|get|setdefault)\(\s*"([a-z_]+)"|"([a-z_]+)" in (?:init_)?kwargs|init_kwargs\["([a-z_]+)"\]'
    for function in (PreTrainedTokenizerBase.__init__, PreTrainedTokenizerBase._from_pretrained,
                     tokenization_utils_tokenizers.TokenizersBackend.__init__):
        for found in re.findall(pattern, inspect.getsource(function)):
            keys |= {f for f in found if f}
    # Set by the code between the files and the class, never read from a file.
    return sorted(keys - {"tokenizer_object", "_json_truncation", "_json_padding", "_spm_precompiled_charsmap", "post_processor",
                          "tokenizer_truncation", "tokenizer_padding", "vocab", "merges", "added_tokens_file", "tokenizer"})


def gguf_keys():
    keys = vars(gguf.constants.Keys.Tokenizer).items()
    return sorted(v.removeprefix("tokenizer.") for k, v in keys if not k.startswith("_"))


def types(module, base):
    return sorted(n for n, c in vars(module).items() if inspect.isclass(c) and issubclass(c, base) and c is not base)


(OUT / "peer-keys.json").write_text(json.dumps({
    "tokenizer_config": settings_keys(), "gguf": gguf_keys(),
    "normalizer": types(tokenizers.normalizers, tokenizers.normalizers.Normalizer),
    "pre_tokenizer": types(tokenizers.pre_tokenizers, tokenizers.pre_tokenizers.PreTokenizer),
    "post_processor": types(tokenizers.processors, tokenizers.processors.PostProcessor),
    "decoder": types(tokenizers.decoders, tokenizers.decoders.Decoder),
    "model": types(tokenizers.models, tokenizers.models.Model),
    "bpe": sorted(k for k in document()["model"]),
    "added_token": sorted(token("a")) + ["id"],
}, indent=1) + "\n")
