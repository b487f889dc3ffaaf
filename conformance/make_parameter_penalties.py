"""Penalties over what is trained, stated in PyTorch with every update formed: L2-SP (Li et al. 2018), EWC (Kirkpatrick et al. 2017, on
the weights as Xiang et al. 2023 have it for LoRA) and AsFT (Yang et al. 2025).

The change of an adapted layer's weight is D = scale (B A - B0 A0); of a tensor that is trained whole D = theta - theta0.

    l2-sp:  1/2 sum D^2                 ewc:  1/2 sum F D^2                 asft:  sum ||(I - C) D||_F^2

C = V V^T / ||V||_F of V = W_aligned - W_base, or U U^T of V's leading left singular vectors; a layer whose V is zero has no C, and counts for
nothing. Inputs are float32; values and gradients are computed in float64.

goldens/parameter-penalties/ holds expected.json (cases and values), expected.safetensors (what is trained, its start, the gradients) and
fisher.safetensors. Run make_checkpoints.py and make_safe_lora.py first. With --case JSON and --tensors FILE it prints the value and the
norms of the gradients for tensors of one's own instead (names `trained:NAME` and `start:NAME`), and writes nothing.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from golden_files import GOLDENS, make_repeatable, require_small_files, seeded, write_json, write_tensors
from reference import load_model, report

OUT = GOLDENS / "parameter-penalties"
BASE, ALIGNED = GOLDENS / "checkpoints" / "qwen2-tied-bfloat16", GOLDENS / "safe-lora" / "aligned"
# The last is a layer that alignment left alone.
LAYERS = ["model.layers.0.self_attn.q_proj", "model.layers.0.mlp.up_proj", "model.layers.2.mlp.down_proj"]
SCALES = [2.0, 0.5, 1.5]


def weight_of(folder: Path, layer: str) -> torch.Tensor:
    return weights(folder)[f"{layer}.weight"]


CHECKPOINTS: dict[Path, dict[str, torch.Tensor]] = {}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    if folder not in CHECKPOINTS:
        CHECKPOINTS[folder] = {name: value.detach().double() for name, value in load_model(folder).named_parameters()}
    return CHECKPOINTS[folder]


def changes(case: dict, trained: dict, start: dict) -> dict[str, torch.Tensor]:
    """D of every weight, by the name of the weight."""
    found: dict[str, torch.Tensor] = {}
    factors = set()
    for layer, scale in case["scales"].items():
        a, b = f"{layer}.lora_A.weight", f"{layer}.lora_B.weight"
        factors |= {a, b}
        found[f"{layer}.weight"] = scale * (trained[b] @ trained[a] - start[b] @ start[a])
    return found | {name: trained[name] - start[name] for name in trained if name not in factors}


def l2_sp(case: dict, trained: dict, start: dict) -> torch.Tensor:
    if case["config"].get("of") == "factors":
        return sum((trained[name] - start[name]).square().sum() for name in trained) / 2
    return sum(change.square().sum() for change in changes(case, trained, start).values()) / 2


def ewc(case: dict, trained: dict, start: dict) -> torch.Tensor:
    fisher = load_file(case.get("fisher") or OUT / "fisher.safetensors")
    return sum((fisher[name].double() * change.square()).sum() for name, change in changes(case, trained, start).items()) / 2


def asft(case: dict, trained: dict, start: dict) -> torch.Tensor:
    total = 0
    for name, change in changes(case, trained, start).items():
        v = weights(ALIGNED)[name] - weights(BASE)[name]
        if v.norm() == 0:
            continue
        if case["config"].get("method") == "exact":
            u = torch.linalg.svd(v, full_matrices=False).U[:, : case["config"]["rank"]]
            c = u @ u.T
        else:
            c = v @ v.T / v.norm()
        total = total + ((torch.eye(len(c), dtype=torch.float64) - c) @ change).square().sum()
    return total


FORMULAS = {"l2-sp": l2_sp, "ewc": ewc, "asft": asft}


def evaluate(case: dict, trained: dict, start: dict) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    leaves = {name: values.double().requires_grad_() for name, values in trained.items()}
    value = FORMULAS[case["config"]["type"]](case, leaves, {name: values.double() for name, values in start.items()})
    value.backward()
    return value, {name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for name, leaf in leaves.items()}


def sample(generator: torch.Generator, kind: str) -> tuple[dict, dict, dict]:
    """Scales, what is trained, and its start: of a new adapter, of one that is trained further, or of whole weights."""

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * 0.3

    trained, start, scales = {}, {}, {}
    for layer, scale in zip(LAYERS, SCALES, strict=True):
        weight = weight_of(BASE, layer)
        if kind == "all weights":
            start[f"{layer}.weight"] = weight.float()
            trained[f"{layer}.weight"] = weight.float() + 0.1 * normal(*weight.shape)
            continue
        rows, columns = weight.shape
        scales[layer] = scale
        a, b = f"{layer}.lora_A.weight", f"{layer}.lora_B.weight"
        start[a], start[b] = normal(3, columns), normal(rows, 3) if kind == "continued" else torch.zeros(rows, 3)
        trained[a], trained[b] = start[a] + 0.2 * normal(3, columns), start[b] + 0.2 * normal(rows, 3)
    return scales, trained, start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case")
    parser.add_argument("--tensors", type=Path)
    arguments = parser.parse_args()
    make_repeatable()
    if arguments.case is not None:
        tensors = load_file(arguments.tensors)
        trained, start = ({name.removeprefix(side): values for name, values in tensors.items() if name.startswith(side)} for side in ("trained:", "start:"))
        value, found = evaluate(json.loads(arguments.case), trained, start)
        report({"value": value.item(), "norms": {name: gradient.norm().item() for name, gradient in found.items()}})
        return
    generator = seeded(14)
    shapes = {layer: weight_of(BASE, layer).shape for layer in LAYERS}
    write_tensors(OUT / "fisher.safetensors", {f"{layer}.weight": torch.randn(shape, generator=generator).square() for layer, shape in shapes.items()})
    configs = [
        ("l2-sp", "new", {"type": "l2-sp"}),
        ("l2-sp-continued", "continued", {"type": "l2-sp"}),
        ("l2-sp-factors", "continued", {"type": "l2-sp", "of": "factors"}),
        ("l2-sp-all-weights", "all weights", {"type": "l2-sp"}),
        ("ewc", "new", {"type": "ewc"}),
        ("ewc-continued", "continued", {"type": "ewc"}),
        ("ewc-all-weights", "all weights", {"type": "ewc"}),
        ("asft", "new", {"type": "asft"}),
        ("asft-continued", "continued", {"type": "asft"}),
        ("asft-exact", "continued", {"type": "asft", "method": "exact", "rank": 4}),
    ]
    tensors, cases = {}, []
    samples = {kind: sample(generator, kind) for kind in ("new", "continued", "all weights")}
    for kind, (_, trained, start) in samples.items():
        tensors |= {f"{kind}/trained:{name}": values for name, values in trained.items()}
        tensors |= {f"{kind}/start:{name}": values for name, values in start.items()}
    for name, kind, config in configs:
        scales, trained, start = samples[kind]
        value, found = evaluate({"config": config, "scales": scales}, trained, start)
        assert value.isfinite() and value > 0, name
        cases.append({"case": name, "sample": kind, "config": config, "scales": scales, "value": value.item()})
        tensors |= {f"{name}/gradient:{tensor}": gradient.float() for tensor, gradient in found.items()}
    write_tensors(OUT / "expected.safetensors", tensors)
    write_json(OUT / "expected.json", {"cases": cases})
    require_small_files(OUT)
    report({"cases": len(cases), "tensors": len(tensors)})


if __name__ == "__main__":
    main()
