"""LoRA adapters saved by peft on the golden checkpoints, what they change, and how PyTorch trains them.

Each goldens/adapters/<name>/ holds peft's two files, expected.safetensors (logits, losses' batch, gradients, the adapter
after training) and expected.json (which checkpoint, loss values, the training trajectory). Run make_checkpoints.py first.
"""

import shutil

import torch
from peft import LoraConfig
from safetensors.torch import load_file

from golden_files import GOLDENS, make_repeatable, require_small_files, seeded, write_json, write_tensors
from reference import (
    TRAINING,
    adapter_ldifs,
    adapter_losses,
    adapter_parameters,
    gradients,
    load_adapter,
    load_model,
    padding_mask,
    token_logits,
    train,
)
from save_adapter import ALL_PROJECTIONS, random_adapter, save_adapter

def training_batch(vocabulary: int, seed: int) -> dict[str, torch.Tensor]:
    """Three examples of unequal length; the second has two separate answers."""
    width, lengths = 16, torch.tensor([16, 12, 9])
    drawn = torch.randint(0, vocabulary, (3, width), generator=seeded(seed))
    response_mask = torch.zeros_like(drawn)
    response_mask[0, 6:16] = 1
    response_mask[1, 3:6] = 1
    response_mask[1, 9:12] = 1
    response_mask[2, 8:9] = 1
    return {
        "input_ids": torch.where(padding_mask(lengths, width).bool(), drawn, 0),
        "lengths": lengths,
        "response_mask": response_mask,
    }


def make_adapter(name: str, checkpoint: str, config: LoraConfig, seed: int) -> None:
    folder = GOLDENS / "adapters" / name
    shutil.rmtree(folder, ignore_errors=True)
    checkpoint_folder = GOLDENS / "checkpoints" / checkpoint
    save_adapter(random_adapter(load_model(checkpoint_folder), config, seed), folder, base_model=checkpoint)

    base = load_model(checkpoint_folder)
    example = load_file(checkpoint_folder / "expected.safetensors")
    real = padding_mask(example["lengths"], example["input_ids"].shape[1])[:, :, None].float()
    with torch.no_grad():
        own = token_logits(base, example["input_ids"], example["lengths"]) * real
    # Another machine may have made the checkpoint's goldens: it adds up in another order.
    assert torch.allclose(own, example["logits"], rtol=0, atol=1e-5), "the checkpoint's goldens are of another checkpoint"
    model = load_adapter(base, folder)
    with torch.no_grad():
        logits = token_logits(model, example["input_ids"], example["lengths"]) * real
        with model.disable_adapter():
            unchanged = token_logits(model, example["input_ids"], example["lengths"]) * real
    assert torch.equal(unchanged, own), "with the adapter off the checkpoint's own logits must come back"
    change = (logits - unchanged).std().item()
    assert change > 0.1, f"the adapter hardly changes the logits ({change})"

    batch = training_batch(model.config.vocab_size, seed)
    parameters = adapter_parameters(model)
    losses = adapter_losses(model, batch)
    of_cross_entropy = gradients(losses["crossEntropy"], parameters)
    of_kl = gradients(losses["kl"], parameters)
    of_loss = gradients(losses["loss"], parameters)
    ldifs = adapter_ldifs(model, batch)
    of_ldifs = gradients(ldifs, parameters)
    assert all(gradient.abs().max() > 1e-4 for part in (of_cross_entropy, of_kl, of_ldifs) for gradient in part.values())

    trajectory = train(model, batch)
    write_tensors(
        folder / "expected.safetensors",
        {
            "example.input_ids": example["input_ids"],
            "example.lengths": example["lengths"],
            "example.logits": logits,
            **{f"batch.{key}": tensor for key, tensor in batch.items()},
            **{f"gradient.cross_entropy.{key}": gradient for key, gradient in of_cross_entropy.items()},
            **{f"gradient.loss.{key}": gradient for key, gradient in of_loss.items()},
            **{f"gradient.ldifs.{key}": gradient for key, gradient in of_ldifs.items()},
            **{f"trained.{key}": parameter for key, parameter in parameters.items()},
        },
    )
    write_json(
        folder / "expected.json",
        {
            "checkpoint": checkpoint,
            "losses": {key: value.item() for key, value in {**losses, "ldifs": ldifs}.items()},
            "training": {"settings": TRAINING, "steps": trajectory},
        },
    )
    require_small_files(folder)
    print(f"{name}: logits change by std {change:.2f}, losses {[round(row['loss'], 4) for row in trajectory]}")


if __name__ == "__main__":
    make_repeatable()
    make_adapter(
        "qwen2-rslora-all-projections",
        "qwen2-tied-bfloat16",
        LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, lora_dropout=0.0, use_rslora=True, target_modules=ALL_PROJECTIONS),
        seed=11,
    )
    make_adapter(
        "llama-lora-query-value",
        "llama-untied-float32",
        LoraConfig(task_type="CAUSAL_LM", r=2, lora_alpha=8, lora_dropout=0.0, target_modules=["q_proj", "v_proj"]),
        seed=12,
    )
