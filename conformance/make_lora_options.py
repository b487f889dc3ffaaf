"""Every option of peft's LoraConfig: adapters saved by peft, what they compute, and how PyTorch trains them.

Each goldens/lora-options/NAME/ holds peft's two files, expected.safetensors (tokens, logits at some positions, the batch)
and expected.json (which checkpoint, what is trained, losses and gradient norms). Run make_checkpoints.py first.
"""

import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file

from golden_files import GOLDENS, make_repeatable, require_small_files, seeded, write_json, write_tensors
from make_adapters import training_batch
from reference import clipped_training, load_model, open_adapter, padding_mask, token_logits, trained_parameters
from save_adapter import save_adapter

QUERY_VALUE = ["q_proj", "v_proj"]
LLAMA, QWEN2 = "llama-untied-float32", "qwen2-tied-bfloat16"

# Name, checkpoint, and what differs from rank 2, alpha 4 on the query and value projections.
CASES = {
    "dora": (LLAMA, {"use_dora": True}),
    "dora-biases": (QWEN2, {"use_dora": True, "use_rslora": True, "bias": "lora_only"}),
    "bias-all": (QWEN2, {"bias": "all", "target_modules": ["q_proj"]}),
    "bias-lora-only": (QWEN2, {"bias": "lora_only", "target_modules": ["q_proj"]}),
    "output-layer": (LLAMA, {"target_modules": ["q_proj", "lm_head"]}),
    "embedding": (LLAMA, {"target_modules": ["q_proj", "embed_tokens"]}),
    "embedding-dora": (LLAMA, {"target_modules": ["embed_tokens"], "use_dora": True}),
    "embedding-of-tied": (QWEN2, {"target_modules": ["q_proj", "embed_tokens"]}),
    "output-layer-of-tied": (QWEN2, {"target_modules": ["q_proj", "lm_head"]}),
    "tied-together": (QWEN2, {"target_modules": ["q_proj", "embed_tokens"], "ensure_weight_tying": True}),
    "saved-output-layer": (LLAMA, {"modules_to_save": ["lm_head"]}),
    "saved-embedding-and-norms": (QWEN2, {"modules_to_save": ["embed_tokens", "norm"]}),
    "saved-tied-together": (QWEN2, {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True}),
    "tokens": (LLAMA, {"trainable_token_indices": [3, 90, 17]}),
    "tokens-of-tied": (QWEN2, {"trainable_token_indices": [3, 90, 17]}),
    "tokens-by-layer": (LLAMA, {"trainable_token_indices": {"lm_head": [5, 90], "embed_tokens": [17]}}),
    "patterns": (
        LLAMA,
        {
            "target_modules": ["q_proj", "v_proj", "up_proj", "lm_head"],
            "exclude_modules": ["1.self_attn.v_proj"],
            "rank_pattern": {"up_proj": 3, "^lm_head": 1},
            "alpha_pattern": {"q_proj": 7},
        },
    ),
}


def disturb(model: torch.nn.Module, seed: int) -> None:
    """Every trained tensor gets values of its own: peft's start changes nothing, and hides what is not used."""
    generator = seeded(seed)
    for name, parameter in sorted(trained_parameters(model).items()):
        noise = torch.randn(parameter.shape, generator=generator)
        with torch.no_grad():
            if ".lora_A" in name or ".lora_B" in name or ".lora_embedding_" in name:
                parameter.copy_(noise * 0.3)
            else:
                parameter.add_(noise * 0.1 * parameter.std(correction=0).clamp(min=0.5))


def make_case(name: str, checkpoint: str, options: dict, seed: int) -> None:
    folder = GOLDENS / "lora-options" / name
    shutil.rmtree(folder, ignore_errors=True)
    config = LoraConfig(**{"task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4, "target_modules": QUERY_VALUE, **options})
    model = get_peft_model(load_model(GOLDENS / "checkpoints" / checkpoint), config).eval()
    disturb(model, seed)
    save_adapter(model, folder, base_model=checkpoint)

    base = load_model(GOLDENS / "checkpoints" / checkpoint)
    example = load_file(GOLDENS / "checkpoints" / checkpoint / "expected.safetensors")
    ids, lengths = example["input_ids"][:1], example["lengths"][:1]
    with torch.no_grad():
        own = token_logits(base, ids, lengths)
    model = open_adapter(base, folder)
    with torch.no_grad():
        logits = token_logits(model, ids, lengths)
    assert (logits - own).std() > 0.05, "the adapter hardly changes the logits"
    positions = padding_mask(lengths, ids.shape[1])[0].nonzero().flatten()[::3]

    batch = training_batch(model.config.vocab_size, seed)
    parameters = trained_parameters(model)
    # peft gives tied factors two optimizer states: they are one tensor here.
    steps = None if name == "tied-together" else clipped_training(model, batch, parameters)
    write_tensors(
        folder / "expected.safetensors",
        {
            "input_ids": ids,
            "positions": positions,
            "logits": logits[0, positions],
            **{f"batch.{key}": tensor for key, tensor in batch.items()},
        },
    )
    write_json(
        folder / "expected.json",
        {"checkpoint": checkpoint, "trained": {key: list(value.shape) for key, value in sorted(parameters.items())}, "steps": steps},
    )
    require_small_files(folder)
    print(f"{name}: {steps and [round(row['loss'], 4) for row in steps]}")


def make_starts() -> None:
    """How training goes from the starts that are a part of the weights, which leave no choice but that of signs."""
    folder = GOLDENS / "lora-options" / "starts"
    shutil.rmtree(folder, ignore_errors=True)
    starts = {"pissa": {}, "olora": {}, "pissa-rslora": {"use_rslora": True}, "olora-dora": {"use_dora": True}}
    rows = {}
    for name, options in starts.items():
        config = LoraConfig(
            task_type="CAUSAL_LM",
            r=4,
            lora_alpha=6,
            target_modules=["q_proj", "up_proj"],
            init_lora_weights=name.split("-")[0],
            **options,
        )
        model = get_peft_model(load_model(GOLDENS / "checkpoints" / LLAMA), config).eval()
        batch = training_batch(model.config.vocab_size, 60)
        rows[name] = clipped_training(model, batch, trained_parameters(model), steps=4)
        print(f"{name}: {[round(row['loss'], 4) for row in rows[name]]}")
    write_tensors(folder / "expected.safetensors", {f"batch.{key}": tensor for key, tensor in batch.items()})
    write_json(folder / "expected.json", {"checkpoint": LLAMA, "steps": rows})


if __name__ == "__main__":
    make_repeatable()
    make_starts()
    for index, (name, (checkpoint, options)) in enumerate(CASES.items()):
        make_case(name, checkpoint, options, seed=40 + index)
