"""Tiny random models, and their logits, losses and gradients by transformers in float32.

usage: make_model_golden.py OUT [SMOLLM2_HF]     (packages: Tests/Golden/requirements.txt; `make golden` runs it)

OUT/<case>/            config.json and model.safetensors, as transformers saves them
OUT/<case>.json        token ids, the shapes and file offsets of the arrays, the mean loss with a soft prompt
OUT/<case>.f32         the arrays named in the JSON, little-endian float32, back to back
With SMOLLM2_HF (a float32 folder written by Tests/Benchmarks/peers/gguf_to_hf.py) also OUT/smollm2.json and .f32.

The weights are drawn wide (standard deviation 0.25 and more), so that attention is far from uniform and every
part of a block changes the result; gains of norms are drawn around 1, biases around 0."""
import json, pathlib, sys
import numpy as np
import torch
from transformers import (AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, MistralConfig,
                          MistralForCausalLM, OPTConfig, OPTForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config,
                          Qwen3ForCausalLM)

torch.set_num_threads(2)
out = pathlib.Path(sys.argv[1])

ODD = dict(vocab_size=131, hidden_size=40, intermediate_size=52, num_hidden_layers=3, num_attention_heads=5,
           num_key_value_heads=1, head_dim=8, max_position_embeddings=512, rms_norm_eps=1e-5, bos_token_id=1,
           eos_token_id=2, pad_token_id=None, attn_implementation="eager")
OPT = dict(vocab_size=131, hidden_size=40, ffn_dim=52, num_hidden_layers=3, num_attention_heads=5,
           max_position_embeddings=64, bos_token_id=2, eos_token_id=2, pad_token_id=None, dropout=0.0,
           attn_implementation="eager")
CASES = {
    "llama-odd": (LlamaForCausalLM, LlamaConfig(**ODD, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}), "F16"),
    "llama3-scaled": (LlamaForCausalLM, LlamaConfig(**(ODD | dict(head_dim=12, num_key_value_heads=5, num_hidden_layers=2)), tie_word_embeddings=False,
        rope_parameters={"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 64}), "BF16"),
    "llama-linear": (LlamaForCausalLM, LlamaConfig(**(ODD | dict(num_hidden_layers=1)), tie_word_embeddings=True,
        rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.5}), "F16"),
    "mistral": (MistralForCausalLM, MistralConfig(**(ODD | dict(num_attention_heads=6, num_key_value_heads=2, num_hidden_layers=2)),
        tie_word_embeddings=False, sliding_window=None, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}), "BF16"),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**({k: v for k, v in ODD.items() if k != "head_dim"} | dict(num_hidden_layers=1)),
        tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}), "F32"),
    "opt": (OPTForCausalLM, OPTConfig(**OPT), "F16"),
    # Like OPT 350M: norms after attention and feed-forward, narrower embeddings, heads of odd width.
    "opt-350m": (OPTForCausalLM, OPTConfig(**(OPT | dict(hidden_size=35, num_hidden_layers=2)), do_layer_norm_before=False,
        word_embed_proj_dim=40), "BF16"),
    # Like Galactica: no biases, no affine norms, no final norm.
    "opt-bare": (OPTForCausalLM, OPTConfig(**(OPT | dict(num_hidden_layers=1)), activation_function="gelu",
        enable_bias=False, layer_norm_elementwise_affine=False, _remove_final_layer_norm=True, tie_word_embeddings=False),
        "F16"),
    # Norms on each head's queries and keys; heads wider than hidden / heads.
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**(ODD | dict(num_attention_heads=4, num_key_value_heads=2, head_dim=12,
        num_hidden_layers=2)), tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}), "BF16"),
}


def measure(model, ids, prompt, logit_rows, logit_columns):
    """Arrays by name, and the numbers, of one case. ids [2, T]; prompt [n, e]."""
    arrays, numbers = {"prompt": prompt.numpy().copy()}, {}
    embed = model.get_input_embeddings()
    with torch.no_grad():
        logits = model(ids).logits
        arrays["logits"] = logits[0][logit_rows][:, logit_columns].numpy()
        nll = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        arrays["nll"] = nll.reshape(2, -1).numpy()
    p = torch.nn.Parameter(prompt.clone()); n = p.shape[0]
    x = torch.cat([p[None].expand(2, -1, -1), embed(ids).detach()], 1)
    logits = model(inputs_embeds=x).logits[:, n:-1]
    nll = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    arrays["promptedNLL"] = nll.detach().reshape(2, -1).numpy()
    nll.mean().backward()
    arrays["gradient"] = p.grad.numpy()
    numbers["loss"] = nll.detach().double().mean().item()
    return arrays, numbers


def write(name, ids, arrays, numbers):
    layout, offset = {}, 0
    with open(out / f"{name}.f32", "wb") as f:
        for key, a in arrays.items():
            a = np.ascontiguousarray(a, dtype="<f4"); f.write(a.tobytes())
            layout[key] = {"shape": list(a.shape), "offset": offset}; offset += a.nbytes
    (out / f"{name}.json").write_text(json.dumps({"ids": ids.tolist(), "arrays": layout, **numbers}) + "\n")


for seed, (name, (kind, config, dtype)) in enumerate(CASES.items()):
    torch.manual_seed(100 + seed)
    model = kind(config)
    with torch.no_grad():
        for key, w in model.named_parameters():
            if key.endswith("bias"): w.normal_(0, 0.5)
            elif "norm" in key: w.normal_(1.0, 0.2)
            else: w.normal_(0, 0.6 if "embed" in key or "lm_head" in key else 0.25)
    half = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[dtype]
    model = model.to(half); model.save_pretrained(out / name)
    (out / name / "generation_config.json").unlink(missing_ok=True)
    # The reference computes in float32 with the weights as stored. Read again, because casting a model to half and
    # back leaves its rotary frequencies rounded to half too.
    model = kind.from_pretrained(out / name, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.randint(0, 131, (2, 37)); prompt = torch.randn(7, 40) * 0.6
    arrays, numbers = measure(model, ids, prompt, list(range(0, 37, 4)), list(range(131)))
    write(name, ids, arrays, numbers | {"rows": list(range(0, 37, 4)), "columnStride": 1, "gradientStride": 1})

if len(sys.argv) > 2:
    model = AutoModelForCausalLM.from_pretrained(sys.argv[2], dtype=torch.float32, attn_implementation="eager").eval()
    model.requires_grad_(False)
    tok = AutoTokenizer.from_pretrained(sys.argv[2])
    text = (" A soft prompt is a short run of vectors that stands before the words of a text. It is learned, not written:"
            " the weights of the model stay as they are, and only these vectors move.\n\nWhat remains to be seen is how much"
            " of the loss that compression caused it can take back, on which texts, and at what price in time.")
    ids = tok(text, add_special_tokens=False)["input_ids"]
    ids = torch.tensor(ids[:64]).reshape(2, 32)
    prompt = model.get_input_embeddings().weight[torch.arange(1000, 9000, 1000)].detach().clone()
    rows, columns = [0, 5, 17, 31], list(range(0, 49152, 97))
    arrays, numbers = measure(model, ids, prompt, rows, columns)
    arrays["gradient"] = arrays["gradient"][:, ::7]; del arrays["prompt"]
    write("smollm2", ids, arrays, numbers | {"promptRows": list(range(1000, 9000, 1000)), "rows": rows, "columnStride": 97,
                                              "gradientStride": 7})
