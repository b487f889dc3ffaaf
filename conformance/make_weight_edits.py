"""What edits of weights make of the checkpoints and the adapter of goldens/safe-lora, by the statements in weight_edits.py.

goldens/weight-edits/ holds lox.safetensors (the extrapolated matrices, float32) and expected.json (their options and energies).
Run make_safe_lora.py first.
"""

import torch

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from make_safe_lora import BASE
from reference import load_model
from weight_edits import lox

FOLDER = GOLDENS / "weight-edits"
LOX = {"rank": 6, "factor": 1.25}
LOX_TENSORS = ["model.embed_tokens.weight", "model.layers.0.self_attn.k_proj.weight", "model.layers.1.mlp.up_proj.weight", "model.layers.2.mlp.down_proj.weight"]


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


def main() -> None:
    base, aligned = weights(GOLDENS / "checkpoints" / BASE), weights(GOLDENS / "safe-lora" / "aligned")
    write_json(FOLDER / "expected.json", {"lox": make_lox(base, aligned)})
    require_small_files(FOLDER)
    print("weight edits made")


if __name__ == "__main__":
    make_repeatable()
    main()
