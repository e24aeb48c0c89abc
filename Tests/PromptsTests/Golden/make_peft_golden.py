"""Adapters of a tiny model in PEFT's format, and their losses by PEFT.

usage: make_peft_golden.py MODEL_FOLDER OUT     (packages: Tests/Golden/requirements.txt; `make golden` runs it)
  Writes each of the adapters below into a folder of OUT with save_pretrained, and OUT/expected.json: the ids and, per
  adapter, the negative log-likelihoods of tokens 1 … T − 1 in float32.

usage: make_peft_golden.py --measure MODEL_FOLDER ADAPTER_FOLDER IDS.json
  Prints the negative log-likelihoods with the adapter in ADAPTER_FOLDER, as JSON."""
import json, pathlib, sys
import torch
from peft import LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM

torch.set_num_threads(1)


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def losses(model, ids):
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, -ids.shape[1]:-1]
    flat = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return flat.reshape(ids.shape[0], -1).tolist()


if sys.argv[1] == "--measure":
    ids = torch.tensor(json.load(open(sys.argv[4])))
    print(json.dumps(losses(PeftModel.from_pretrained(load(sys.argv[2]), sys.argv[3]).eval(), ids)))
    sys.exit()

folder, out = sys.argv[1], pathlib.Path(sys.argv[2])
torch.manual_seed(77)
ids = torch.randint(0, 131, (2, 19))
expected = {"ids": ids.tolist()}
for name, config in {
    "prompt": PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    "prefix": PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3),
    "lora": LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=5, target_modules=["q_proj", "down_proj"]),
    # Saved as the keys and values that the projection makes, with prefix_projection: true.
    "prefix-projected": PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3, prefix_projection=True,
                                           encoder_hidden_size=11),
    "lora-patterns": LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=5, target_modules=["q_proj", "v_proj", "down_proj"],
                                exclude_modules=["layers.1.self_attn.v_proj"], init_lora_weights="gaussian",
                                use_rslora=True, rank_pattern={"^model.layers.1.self_attn.q_proj": 1, "down_proj": 3},
                                alpha_pattern={"layers.0.self_attn.q_proj": 7, "q_proj": 2}),
    "lora-layers": LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=5, target_modules=["q_proj", "up_proj"],
                              layers_to_transform=[1], layers_pattern="layers", init_lora_weights="orthogonal"),
}.items():
    model = get_peft_model(load(folder), config)
    with torch.no_grad():
        for key, w in model.named_parameters():
            if w.requires_grad: w.normal_(0, 0.4)
    expected[name] = losses(model.eval(), ids)
    model.save_pretrained(out / name)
    (out / name / "README.md").unlink(missing_ok=True)
    settings = json.loads((out / name / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = "mistral"
    for key in ("target_modules", "exclude_modules"):
        if settings.get(key): settings[key].sort()  # PEFT keeps sets
    (out / name / "adapter_config.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")
(out / "expected.json").write_text(json.dumps(expected) + "\n")
