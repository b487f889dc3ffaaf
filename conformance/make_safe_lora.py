"""SafeLoRA (Hsu et al. 2024, arXiv 2405.16833) on a transformers model with a peft adapter, by the arithmetic of its
reference implementation: C = V V^T / ||V||_F formed whole, dW and C dW formed whole, their cosine rounded to five
decimals, and B replaced by C B where that is at most the threshold.

goldens/safe-lora/ holds `aligned` (a checkpoint: the base is goldens/checkpoints/qwen2-tied-bfloat16), `adapter` (by peft),
expected.safetensors (C B of every module) and expected.json (cosines and decisions). Run make_checkpoints.py first.
"""

import shutil

import numpy
import torch
from peft import LoraConfig

from golden_files import GOLDENS, make_readable, make_repeatable, require_small_files, seeded, write_json, write_tensors
from reference import load_adapter, load_model
from save_adapter import ALL_PROJECTIONS, random_adapter, save_adapter

BASE = "qwen2-tied-bfloat16"
THRESHOLD = 0.6
LAYERS = 5
UNCHANGED = "model.layers.2.mlp.down_proj"  # a layer that alignment leaves alone: its V is zero


def adapted(name: str) -> bool:
    return any(name.endswith(f".{target}.weight") for target in ALL_PROJECTIONS)


def save_aligned(folder) -> None:
    """The base with a low-rank change and noise in every projection and bias, in shards."""
    model = load_model(GOLDENS / "checkpoints" / BASE)
    generator = seeded(31)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            change = torch.randn(parameter.shape, generator=generator)
        else:
            rows, columns = parameter.shape
            change = torch.randn(rows, 3, generator=generator) @ torch.randn(3, columns, generator=generator)
            change += 0.5 * torch.randn(rows, columns, generator=generator)
        if name != f"{UNCHANGED}.weight":
            with torch.no_grad():
                parameter.add_(0.02 * change)
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="30KB")
    make_readable(folder)


def difference(base: torch.nn.Module, aligned: torch.nn.Module) -> dict[str, torch.Tensor]:
    """V = W_aligned - W_base of every layer that the adapter targets, by name."""
    other = dict(aligned.named_parameters())
    return {name.removesuffix(".weight"): other[name].data - weight.data for name, weight in base.named_parameters() if adapted(name)}


def factors(model) -> dict[str, dict[str, torch.Tensor]]:
    """A and B of every module, by the base model's name of the layer."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            module, factor = name.removeprefix("base_model.model.").removesuffix(".default.weight").rsplit(".lora_", 1)
            found.setdefault(module, {})[factor] = parameter.data
    return found


def make_adapter(folder, directions: dict[str, torch.Tensor]) -> None:
    """Updates that lie to V in all ways: random ones, and ones along V's strongest left singular vectors."""
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=4,
        lora_alpha=8,
        lora_dropout=0.0,
        use_rslora=True,
        target_modules=ALL_PROJECTIONS,
        rank_pattern={"k_proj": 2, "down_proj": 6},
    )
    model = random_adapter(load_model(GOLDENS / "checkpoints" / BASE), config, seed=32)
    for index, (module, parts) in enumerate(factors(model).items()):
        u, _, _ = torch.linalg.svd(directions[module], full_matrices=False)
        share = (index % 5) / 4
        mix = torch.randn(u.shape[1], parts["B"].shape[1], generator=seeded(index)) * torch.exp(-torch.arange(u.shape[1]))[:, None]
        parts["B"].mul_(1 - share).add_(0.3 * share * (u @ mix))
    save_adapter(model, folder, base_model=BASE)


def reference_projection(a: torch.Tensor, b: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, float, float]:
    """C B, the cosine of dW and C dW as the reference rounds it, and ||C dW|| / ||dW||."""
    c = torch.mm(v, v.t()) / torch.norm(v)
    projected = torch.mm(c, b)
    changed, original = torch.mm(projected, a), torch.mm(b, a)
    cosine = torch.nn.functional.cosine_similarity(changed.reshape(1, -1), original.reshape(1, -1)).item()
    return projected, cosine, (torch.norm(changed) / torch.norm(original)).item()


def main() -> None:
    folder = GOLDENS / "safe-lora"
    shutil.rmtree(folder, ignore_errors=True)
    save_aligned(folder / "aligned")
    base = load_model(GOLDENS / "checkpoints" / BASE)
    directions = difference(base, load_model(folder / "aligned"))
    make_adapter(folder / "adapter", directions)

    model = load_adapter(base, folder / "adapter")
    tensors, modules = {}, []
    for module, parts in factors(model).items():
        projected, cosine, kept = reference_projection(parts["A"], parts["B"], directions[module])
        known = not numpy.isnan(cosine)
        if known:
            tensors[f"{module}.projected"] = projected
        modules.append({"name": module, "cosine": cosine if known else None, "normKept": kept if known else None})
    rounded = {row["name"]: numpy.round(row["cosine"], 5) for row in modules if row["cosine"] is not None}
    lowest = numpy.sort(list(rounded.values()))[:LAYERS][-1]
    write_tensors(folder / "expected.safetensors", tensors)
    write_json(
        folder / "expected.json",
        {
            "base": BASE,
            "threshold": THRESHOLD,
            "layers": LAYERS,
            "modules": modules,
            "projectedByThreshold": [name for name, cosine in rounded.items() if cosine <= THRESHOLD],
            "projectedByLayers": [name for name, cosine in rounded.items() if cosine <= lowest],
        },
    )
    require_small_files(folder)
    cosines = sorted(rounded.values())
    print(f"cosines {cosines[0]:.3f} to {cosines[-1]:.3f}, {sum(c <= THRESHOLD for c in cosines)} of {len(modules)} at most {THRESHOLD}")


if __name__ == "__main__":
    make_repeatable()
    main()
