"""What we wrote beside what the statements in weight_edits.py make of the same files.

    python3 verify_weight_edits.py lox --base DIR --aligned DIR --written DIR --rank 6 --factor 1.25
    python3 verify_weight_edits.py safe-delta --layer FILE --samples 3 --scale 0.1 --block 2048
    python3 verify_weight_edits.py salora --layer FILE --rank 16

Folders are checkpoints. The file of a layer holds its weights `aligned` (and `tuned`), the `inputs` [tokens, in] and what we made of
them as `written`: the weights after Safe Delta, or the columns U. Prints the largest distance, as a share of how far the edit moves the weights, or of U U^T.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

from reference import report
from weight_edits import lox, safe_delta, salora_projector


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return {name: value.float() for file in sorted(folder.glob("*.safetensors")) for name, value in load_file(file).items()}


def distance(written: torch.Tensor, wanted: torch.Tensor, before: torch.Tensor) -> float:
    moved = torch.norm(wanted - before)
    return (torch.norm(written - wanted) / moved).item() if moved > 0 else torch.norm(written - before).item()


def check_lox(options) -> dict:
    base, aligned, written = (tensors(folder) for folder in (options.base, options.aligned, options.written))
    largest, compared = 0.0, 0
    for name, before in aligned.items():
        wanted = lox(base[name], before, options.rank, options.factor) if before.ndim == 2 else before
        largest = max(largest, distance(written[name], wanted, before))
        compared += 1
    return {"compared": compared, "largest": largest}


def check_safe_delta(options) -> dict:
    layer = load_file(options.layer)
    wanted, taken = safe_delta(layer["aligned"], layer["tuned"], layer["inputs"].double(), options.samples, options.scale, options.block)
    return {"largest": distance(layer["written"], wanted, layer["aligned"]), "taken": taken.double().mean().item()}


def check_salora(options) -> dict:
    layer = load_file(options.layer)
    wanted = salora_projector(layer["aligned"], layer["inputs"].double(), options.rank)
    written = layer["written"].double()
    return {"largest": distance(written @ written.T, wanted, torch.zeros_like(wanted))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    methods = parser.add_subparsers(required=True)
    command = methods.add_parser("lox")
    for name in ("base", "aligned", "written"):
        command.add_argument(f"--{name}", type=Path, required=True)
    command.add_argument("--rank", type=int, required=True)
    command.add_argument("--factor", type=float, required=True)
    command.set_defaults(check=check_lox)
    command = methods.add_parser("safe-delta")
    command.add_argument("--layer", type=Path, required=True)
    command.add_argument("--samples", type=int, required=True)
    command.add_argument("--scale", type=float, required=True)
    command.add_argument("--block", type=int, required=True)
    command.set_defaults(check=check_safe_delta)
    command = methods.add_parser("salora")
    command.add_argument("--layer", type=Path, required=True)
    command.add_argument("--rank", type=int, required=True)
    command.set_defaults(check=check_salora)
    options = parser.parse_args()
    report(options.check(options))


if __name__ == "__main__":
    main()
