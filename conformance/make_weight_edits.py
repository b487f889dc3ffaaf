"""What edits of weights make of the checkpoints and the adapter of goldens/safe-lora, by the statements in weight_edits.py.

goldens/weight-edits/ holds lox.safetensors (the extrapolated matrices, float32), safe-adapter (by peft), safe-merge.safetensors (the
updates after SafeMERGE with it, by combination), salora.safetensors (U U^T of each layer, of the outputs while
the model reads the answers of goldens/answers), safe-delta.safetensors (the weights after Safe Delta with the same conversations, by block
size), and expected.json (options and what is reported).
Run make_safe_lora.py and make_answers.py first.
"""

import shutil

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from transformers import AutoTokenizer

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from make_answers import conversations, tokens
from make_safe_lora import BASE, adapted
from reference import load_adapter, load_model
from save_adapter import ALL_PROJECTIONS, random_adapter, save_adapter
from weight_edits import layer_inputs, lox, safe_delta, safe_merge, salora_projector

FOLDER = GOLDENS / "weight-edits"
LOX = {"rank": 6, "factor": 1.25}
LOX_TENSORS = ["model.embed_tokens.weight", "model.layers.0.self_attn.k_proj.weight", "model.layers.1.mlp.up_proj.weight", "model.layers.2.mlp.down_proj.weight"]

SAFE_MERGE = {"threshold": 0.6, "share": 0.3}
SALORA = {"rank": 4}
SAFE_DELTA = {"scale": 40.0}
BLOCKS = [2048, 16]


def weights(folder) -> dict[str, torch.Tensor]:
    return {name: parameter.data for name, parameter in load_model(folder).named_parameters()}


def make_lox(base: dict[str, torch.Tensor], aligned: dict[str, torch.Tensor]) -> dict:
    moved = {name: lox(base[name], aligned[name], **LOX) for name in LOX_TENSORS}
    write_tensors(FOLDER / "lox.safetensors", moved)
    energies = {}
    for name in LOX_TENSORS:
        squares = torch.linalg.svdvals(aligned[name] - base[name]) ** 2
        total = squares.sum().item()
        energies[name] = squares[: LOX["rank"]].sum().item() / total if total > 0 else None
    return {**LOX, "energies": energies}


def make_safe_merge(base: dict[str, torch.Tensor], aligned: dict[str, torch.Tensor]) -> dict:
    config = LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=6, target_modules=ALL_PROJECTIONS, rank_pattern={"k_proj": 2, "down_proj": 6})
    save_adapter(random_adapter(load_model(GOLDENS / "checkpoints" / BASE), config, seed=33), FOLDER / "safe-adapter", base_model=BASE)
    model = load_adapter(load_model(GOLDENS / "checkpoints" / BASE), GOLDENS / "safe-lora" / "adapter")
    model.load_adapter(FOLDER / "safe-adapter", adapter_name="safe")
    updates, cosines = {}, {}
    for name, target in model.base_model.model.named_modules():
        if isinstance(target, LoraLayer):
            v = aligned[f"{name}.weight"] - base[f"{name}.weight"]
            for combination_type in ("linear", "svd"):
                update, cosine = safe_merge(model, target, v, **SAFE_MERGE, combination_type=combination_type, rank=6)
                updates[f"{combination_type}.{name}"], cosines[name] = update, cosine
    write_tensors(FOLDER / "safe-merge.safetensors", updates)
    return {**SAFE_MERGE, "cosines": cosines, "merged": [name for name, cosine in cosines.items() if cosine < SAFE_MERGE["threshold"]]}


def answers() -> list[tuple[list[int], int, int]]:
    tokenizer = AutoTokenizer.from_pretrained(GOLDENS / "checkpoints" / BASE)
    return [tokens(tokenizer, messages) for messages in conversations("helpful")]


def projections(base: dict[str, torch.Tensor]) -> list[str]:
    return [name.removesuffix(".weight") for name in base if adapted(name)]


def make_salora(base: dict[str, torch.Tensor]) -> dict:
    inputs = layer_inputs(load_model(GOLDENS / "checkpoints" / BASE), answers(), projections(base))
    projectors = {name: salora_projector(base[f"{name}.weight"], x, **SALORA).float() for name, x in inputs.items()}
    write_tensors(FOLDER / "salora.safetensors", projectors)
    return SALORA


def make_safe_delta(base: dict[str, torch.Tensor]) -> dict:
    whole = [(ids, 0, len(ids)) for ids, _, _ in answers()]
    inputs = layer_inputs(load_model(GOLDENS / "checkpoints" / BASE), whole, projections(base))
    merged = load_adapter(load_model(GOLDENS / "checkpoints" / BASE), GOLDENS / "safe-lora" / "adapter").merge_and_unload()
    tuned = {name: parameter.data for name, parameter in merged.named_parameters()}
    edited, shares = {}, {}
    for name, x in inputs.items():
        for block in BLOCKS:
            weights, taken = safe_delta(base[f"{name}.weight"], tuned[f"{name}.weight"], x, len(whole), **SAFE_DELTA, block=block)
            shares[f"{block}.{name}"] = taken.double().mean().item()
            if name.endswith(("q_proj", "down_proj")):
                edited[f"{block}.{name}"] = weights.float()
    write_tensors(FOLDER / "safe-delta.safetensors", edited)
    return {**SAFE_DELTA, "taken": shares}


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    base, aligned = weights(GOLDENS / "checkpoints" / BASE), weights(GOLDENS / "safe-lora" / "aligned")
    write_json(FOLDER / "expected.json", {"lox": make_lox(base, aligned), "safeMerge": make_safe_merge(base, aligned), "salora": make_salora(base), "safeDelta": make_safe_delta(base)})
    require_small_files(FOLDER)
    print("weight edits made")


if __name__ == "__main__":
    make_repeatable()
    main()
