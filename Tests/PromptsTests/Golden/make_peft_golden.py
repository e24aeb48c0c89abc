"""Adapters of a tiny model in PEFT's format, and their losses by PEFT.

usage: make_peft_golden.py MODEL_FOLDER OUT     (packages: Tests/Golden/requirements.txt; `make golden` runs it)
  Writes OUT/prompt, OUT/prefix and OUT/lora with save_pretrained, and OUT/expected.json: the ids and, per adapter, the
  negative log-likelihoods of tokens 1 … T − 1 in float32.

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
    if settings.get("target_modules"):
        settings["target_modules"].sort()  # PEFT keeps a set
    (out / name / "adapter_config.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")
(out / "expected.json").write_text(json.dumps(expected) + "\n")
