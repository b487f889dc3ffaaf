"""Two adapters and what peft's add_weighted_adapter makes of them: goldens/lora-combinations.

`one` and `other` hold peft's files; expected.safetensors the tokens and the last logits of each combination, expected.json
their arguments. Run make_checkpoints.py first.
"""

import shutil

import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from reference import load_model, token_logits
from save_adapter import random_adapter, save_adapter

CHECKPOINT = "llama-untied-float32"
COMBINATIONS = [
    {"combination_type": "svd", "weights": [0.7, 0.5]},
    {"combination_type": "svd", "svd_rank": 1, "weights": [1.0, -0.5]},
    {"combination_type": "linear", "weights": [0.7, -0.4]},
    {"combination_type": "cat", "weights": [0.7, -0.4]},
    {"combination_type": "ties", "density": 0.6, "weights": [1.0, 0.8]},
    {"combination_type": "ties", "density": 0.6, "majority_sign_method": "frequency", "weights": [1.0, 0.8]},
    {"combination_type": "ties_svd", "density": 0.4, "weights": [1.0, 0.8]},
    {"combination_type": "magnitude_prune", "density": 0.5, "weights": [0.9, 0.6]},
    {"combination_type": "magnitude_prune_svd", "density": 0.5, "weights": [0.9, 0.6]},
]


def main() -> None:
    folder = GOLDENS / "lora-combinations"
    shutil.rmtree(folder, ignore_errors=True)
    checkpoint = GOLDENS / "checkpoints" / CHECKPOINT
    targets = {"one": ["q_proj", "v_proj", "embed_tokens"], "other": ["q_proj", "up_proj", "embed_tokens"]}
    for seed, (name, modules) in enumerate(targets.items()):
        config = LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=3 + seed, target_modules=modules)
        save_adapter(random_adapter(load_model(checkpoint), config, 70 + seed), folder / name, base_model=CHECKPOINT)
    ids = load_file(checkpoint / "expected.safetensors")["input_ids"][:1, :8]
    lengths = torch.tensor([ids.shape[1]])
    model = PeftModel.from_pretrained(load_model(checkpoint), folder / "one", adapter_name="one")
    model.load_adapter(folder / "other", adapter_name="other")
    logits = {}
    with torch.no_grad():
        for index, arguments in enumerate(COMBINATIONS):
            name = f"combination{index}"
            model.add_weighted_adapter(["one", "other"], adapter_name=name, **arguments)
            model.set_adapter(name)
            logits[f"logits.{index}"] = token_logits(model.eval(), ids, lengths)[0, -1]
        model.base_model.set_adapter(["one", "other"])
        logits["logits.both"] = token_logits(model.eval(), ids, lengths)[0, -1]
    write_tensors(folder / "expected.safetensors", {"input_ids": ids, **logits})
    write_json(folder / "expected.json", {"checkpoint": CHECKPOINT, "combinations": COMBINATIONS})
    require_small_files(folder)
    print({name: round(value.std().item(), 3) for name, value in logits.items()})


if __name__ == "__main__":
    make_repeatable()
    main()
