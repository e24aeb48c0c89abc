"""Losses and gradients of PEFT's prefix tuning and LoRA on tiny models, in float32.

usage: make_adapter_golden.py OUT     (packages: Tests/Golden/requirements.txt; `make golden` runs it)

Reads OUT/<case>/, which make_model_golden.py writes; writes OUT/<case>-adapters.json and .f32:
prefix          [layers, 2, n, kvHeads * headDim], drawn, with prefixNLL [2, T - 1] and prefixGradient
lowRank         [count]: per block and layer A [r, in], then B [out, r], drawn, with lowRankNLL and lowRankGradient"""
import json, pathlib, sys
import numpy as np
import torch
from peft import LoraConfig, PrefixTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM

torch.set_num_threads(2)
folder = pathlib.Path(sys.argv[1])
TOKENS, RANK, ALPHA = 5, 3, 7.5
LLAMA = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
OPT = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


def load(case):
    return AutoModelForCausalLM.from_pretrained(folder / case, dtype=torch.float32, attn_implementation="eager").eval()


def losses(model, ids):
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, -ids.shape[1]:-1]
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none").reshape(2, -1)


def measure(model, ids, parameters, order, arrays, name):
    """Mean loss; fills `arrays` with the parameters, losses and gradients. `order` turns a list of tensors with the
    parameters' shapes into one array."""
    nll = losses(model, ids)
    nll.mean().backward()
    arrays[name] = order([p.detach() for p in parameters])
    arrays[name + "NLL"] = nll.detach().numpy()
    arrays[name + "Gradient"] = order([p.grad for p in parameters])
    return nll.detach().double().mean().item()


for seed, case in enumerate(["llama-odd", "mistral", "qwen2", "opt", "opt-350m", "qwen3"]):
    torch.manual_seed(500 + seed)
    ids, arrays = torch.randint(0, 131, (2, 29)), {}
    model = get_peft_model(load(case), PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=TOKENS))
    config = model.base_model.config
    table = model.prompt_encoder["default"].embedding.weight
    layers = config.num_hidden_layers
    width = table.shape[1] // (2 * layers)
    with torch.no_grad(): table.normal_(0, 0.7)
    prefix_loss = measure(model, ids, [table], lambda t: t[0].reshape(TOKENS, layers, 2, width).permute(1, 2, 0, 3).numpy(),
                          arrays, "prefix")

    names = OPT if config.model_type == "opt" else LLAMA
    model = get_peft_model(load(case), LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=ALPHA, target_modules=names))
    parameters = []
    for block in range(layers):
        for name in names:
            for part in "AB":
                found = [w for k, w in model.named_parameters()
                         if f".layers.{block}." in k and f"{name}.lora_{part}." in k]
                parameters += found
                assert len(found) == 1, (block, name, part, len(found))
    with torch.no_grad():
        for w in parameters: w.normal_(0, 0.3)
    low_rank_loss = measure(model, ids, parameters, lambda t: np.concatenate([w.numpy().ravel() for w in t]), arrays, "lowRank")

    layout, offset = {}, 0
    with open(folder / f"{case}-adapters.f32", "wb") as f:
        for key, a in arrays.items():
            a = np.ascontiguousarray(a, dtype="<f4"); f.write(a.tobytes())
            layout[key] = {"shape": list(a.shape), "offset": offset}; offset += a.nbytes
    (folder / f"{case}-adapters.json").write_text(json.dumps({
        "ids": ids.tolist(), "arrays": layout, "tokens": TOKENS, "rank": RANK, "alpha": ALPHA,
        "prefixLoss": prefix_loss, "lowRankLoss": low_rank_loss}) + "\n")
    print(case, prefix_loss, low_rank_loss, offset)
