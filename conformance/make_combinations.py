"""Two adapters and what peft's add_weighted_adapter makes of them: goldens/lora-combinations.

`one` and `other` hold peft's files; expected.safetensors the tokens and the last logits of each combination, expected.json
their arguments. What the `dare` types drop, peft is told: the draws of combineLoraAdapters. Run make_checkpoints.py first.
"""

import shutil
from contextlib import contextmanager
from itertools import islice
from unittest import mock

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer, LoraModel
from safetensors.torch import load_file

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from random_stream import uniforms
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
    {"combination_type": "dare_linear", "density": 0.6, "seed": 5, "weights": [0.9, -0.6]},
    {"combination_type": "dare_ties", "density": 0.7, "majority_sign_method": "frequency", "seed": 6, "weights": [0.9, 0.6]},
    {"combination_type": "dare_linear_svd", "density": 0.8, "seed": 7, "weights": [0.9, 0.6]},
    {"combination_type": "dare_ties_svd", "density": 0.8, "seed": 8, "weights": [0.9, 0.6]},
]


@contextmanager
def dropping(model: PeftModel, seed: int):
    """peft's random pruning keeps what ours does: a stream for each module, factor and adapter, in row-major order."""
    names = {module: name for name, module in model.base_model.model.named_modules()}
    labels = []

    def recorded(method: str, parts: list[str]):
        original = getattr(LoraModel, method)

        def call(self, combination_type, adapters, *arguments, **options):
            target = next(argument for argument in arguments if isinstance(argument, LoraLayer))
            held = [name for name in adapters if name in target.lora_A or name in target.lora_embedding_A]
            turned = parts == [""] and len(target.lora_embedding_A) > 0
            labels[:] = [(f"{names[target]}{part}", index, turned) for part in parts for index in range(len(held))]
            return original(self, combination_type, adapters, *arguments, **options)

        return mock.patch.object(LoraModel, method, call)

    def prune(tensor: torch.Tensor, density: float, rescale: bool) -> torch.Tensor:
        label, index, turned = labels.pop(0)
        draws = torch.tensor(list(islice(uniforms(seed, ["dare", label, index]), tensor.numel())), dtype=torch.float64)
        # Updates of embeddings lie the other way round in peft.
        kept = (draws < density).reshape(tensor.T.shape if turned else tensor.shape)
        return tensor * (kept.T if turned else kept) / density

    with (
        recorded("_generalized_task_arithmetic_weighted_adapter", [" A", " B"]),
        recorded("_svd_generalized_task_arithmetic_weighted_adapter", [""]),
        mock.patch("peft.utils.merge_utils.random_pruning", prune),
    ):
        yield


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
            options = dict(arguments)
            with dropping(model, options.pop("seed", 0)):
                model.add_weighted_adapter(["one", "other"], adapter_name=name, **options)
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
