"""Makes an adapter with peft for a model folder, both factors random, for a live check that SafeTune loads it.

    python3 save_adapter.py --model DIR --out DIR [--rank 4] [--alpha 8] [--rslora] [--target-modules q_proj,v_proj] [--seed 0]
"""

import argparse
import json
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from golden_files import make_readable, seeded, write_json
from reference import adapter_parameters, load_model, report

ALL_PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def random_adapter(base: torch.nn.Module, config: LoraConfig, seed: int) -> PeftModel:
    """Both factors random: with peft's B = 0 the adapter would change nothing and A would have no gradient."""
    generator = seeded(seed)
    model = get_peft_model(base, config)
    for name, parameter in sorted(adapter_parameters(model).items()):
        scale = 0.1 if ".lora_B." in name else parameter.shape[1] ** -0.5
        with torch.no_grad():
            parameter.normal_(generator=generator).mul_(scale)
    return model


def save_adapter(model: PeftModel, folder: Path, base_model: str) -> None:
    """peft's two files, repeatable: no README template, no folder of this machine, lists it keeps as sets in one order."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = base_model
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    write_json(folder / "adapter_config.json", config)
    make_readable(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--alpha", type=int, default=8)
    parser.add_argument("--rslora", action="store_true", help="scale by alpha / sqrt(rank) in place of alpha / rank")
    parser.add_argument("--target-modules", default=",".join(ALL_PROJECTIONS), help="comma-separated, or all-linear")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    targets = arguments.target_modules
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=arguments.rank,
        lora_alpha=arguments.alpha,
        lora_dropout=0.0,
        use_rslora=arguments.rslora,
        target_modules=targets if targets == "all-linear" else targets.split(","),
    )
    model = random_adapter(load_model(arguments.model), config, arguments.seed)
    save_adapter(model, arguments.out, str(arguments.model))
    report({"out": str(arguments.out), "tensors": sorted(adapter_parameters(model))})


if __name__ == "__main__":
    main()
