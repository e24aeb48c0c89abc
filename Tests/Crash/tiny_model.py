"""A tiny LLaMA checkpoint with a byte-level tokenizer, texts and a recipe: fixed numbers, the same on every machine."""
import base64
import json
import random
import struct

MERGES = ["Ġ t", "h e", "Ġt he", "i n", "a n", "r e"]
WORDS = "the in a there and then rain tree reed train he an inn hare thin tin near".split()
VOCABULARY = 257 + len(MERGES)
HIDDEN, INTERMEDIATE, LAYERS, HEADS, KEY_HEADS, WIDTH = 24, 40, 2, 3, 1, 8

CONFIGURATION = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "num_key_value_heads": KEY_HEADS, "head_dim": WIDTH, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "max_position_embeddings": 512, "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
    "bos_token_id": 0, "eos_token_id": 0,
}

RECIPE = """name: small
model: model
calibration: {text: train.txt, windows: 4, length: 32}
compression: {bits: 3, group_size: 16}
prompt:
  tokens: 4
  steps: 8
  batch: 2
  length: 16
  warmup: 2
  validation: {text: dev.txt, windows: 4, every: 4}
evaluation:
  - {name: held-out, text: test.txt, protocol: ctp-32, windows: 6}
gate: {max_ratio_to_full: 100}
output: small.ctpack
"""


def character(byte):
    """The character for a byte in byte-level vocabularies: itself if printable, else the next unused one from U+0100 on."""
    def prints(b):
        return 33 <= b <= 126 or 161 <= b <= 172 or b >= 174
    return chr(byte if prints(byte) else 256 + sum(not prints(b) for b in range(byte)))


def tokenizer():
    vocabulary = {"<|endoftext|>": 0}
    vocabulary.update((character(byte), byte + 1) for byte in range(256))
    vocabulary.update((merge.replace(" ", ""), 257 + index) for index, merge in enumerate(MERGES))
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "added_tokens": [{
            "id": 0, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": True}],
        "pre_tokenizer": byte_level, "post_processor": byte_level, "decoder": byte_level, "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary, "merges": MERGES},
    }


def shapes():
    """Names, shapes, scales and means of all tensors."""
    yield "model.embed_tokens.weight", [VOCABULARY, HIDDEN], 1, 0
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for norm in "input_layernorm", "post_attention_layernorm":
            yield prefix + norm + ".weight", [HIDDEN], 0.1, 1
        for name, rows, columns in [
                ("self_attn.q_proj", HEADS * WIDTH, HIDDEN), ("self_attn.k_proj", KEY_HEADS * WIDTH, HIDDEN),
                ("self_attn.v_proj", KEY_HEADS * WIDTH, HIDDEN), ("self_attn.o_proj", HIDDEN, HEADS * WIDTH),
                ("mlp.gate_proj", INTERMEDIATE, HIDDEN), ("mlp.up_proj", INTERMEDIATE, HIDDEN),
                ("mlp.down_proj", HIDDEN, INTERMEDIATE)]:
            yield f"{prefix}{name}.weight", [rows, columns], 0.3, 0
    yield "model.norm.weight", [HIDDEN], 0.1, 1


def safetensors():
    numbers, header, body = random.Random(1), {}, bytearray()
    for name, shape, scale, mean in shapes():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        # A sum of twelve uniform numbers is nearly normal, and the same everywhere.
        values = [mean + scale * (sum(numbers.random() for _ in range(12)) - 6) for _ in range(count)]
        start = len(body)
        body += struct.pack(f"<{count}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, len(body)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def text(words, seed):
    numbers = random.Random(seed)
    return " ".join(WORDS[int(numbers.random() * len(WORDS))] for _ in range(words))


def write(folder):
    """Writes model/, three texts, small.yaml, key.pem (an Ed25519 key of fixed bytes, for tests alone)."""
    model = folder / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text(json.dumps(CONFIGURATION))
    (model / "tokenizer.json").write_text(json.dumps(tokenizer()))
    (model / "model.safetensors").write_bytes(safetensors())
    for name, words, seed in ("train", 1000, 2), ("dev", 300, 3), ("test", 300, 4):
        (folder / f"{name}.txt").write_text(text(words, seed))
    (folder / "small.yaml").write_text(RECIPE)
    key = base64.b64encode(bytes.fromhex("302e020100300506032b657004220420") + bytes(range(1, 33))).decode()
    (folder / "key.pem").write_text(f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n")
    (folder / "key.pem").chmod(0o600)
