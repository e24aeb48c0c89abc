"""Writes the keys that PEFT's configuration classes know.

usage: make_peft_keys.py OUT     (packages: Tests/Golden/requirements.txt; `make golden` runs it)

OUT/peft-keys.json: {peft_type: [keys of adapter_config.json]}."""
import dataclasses, json, pathlib, sys
from peft import LoraConfig, PrefixTuningConfig, PromptTuningConfig

classes = {"PROMPT_TUNING": PromptTuningConfig, "PREFIX_TUNING": PrefixTuningConfig, "LORA": LoraConfig}
keys = {name: sorted(field.name for field in dataclasses.fields(kind)) for name, kind in classes.items()}
pathlib.Path(sys.argv[1], "peft-keys.json").write_text(json.dumps(keys, indent=1) + "\n")
