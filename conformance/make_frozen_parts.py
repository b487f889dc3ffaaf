"""What PyTorch computes where other frozen weights have a part in a training step: an adapter that stays in the forward pass beside the
one that is trained, and references that are not the model with the adapter off.

goldens/frozen-parts/ holds `trait` (an adapter by peft), expected.safetensors (the gradients of the trained adapter) and expected.json
(the values). The trained adapter and its batch are those of goldens/adapters, the other checkpoint is SafeLoRA's aligned one. Run
make_adapters.py and make_safe_lora.py first. With --model, --adapter, --frozen and --batch it prints cross-entropy with the
frozen adapter in the forward pass, and the norms of the gradients, and writes nothing; with --other as well, a checkpoint, the penalties
that are taken to the frozen adapter and to that, and the norms of their gradients.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from peft import LoraConfig
from safetensors.torch import load_file

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from reference import (
    block_states,
    cross_entropy,
    gradients,
    kl_divergence,
    ldifs_distance,
    load_model,
    open_adapter,
    report,
    token_logits,
)
from save_adapter import ALL_PROJECTIONS, random_adapter, save_adapter

ADAPTER = "qwen2-rslora-all-projections"
OTHER = GOLDENS / "safe-lora" / "aligned"
KL_WEIGHT = 0.5


def both(folder: Path, adapter: Path, frozen: Path):
    """The model with the adapter in training, and the other loaded beside it: peft adds up those that are active, in this order."""
    model = open_adapter(load_model(folder), adapter)
    model.load_adapter(frozen, adapter_name="frozen")
    return model.eval()


def activate(model, *names: str) -> None:
    model.base_model.set_adapter(list(names))


def parameters_of(model) -> dict[str, torch.nn.Parameter]:
    """All that the adapter in training trains, under the names that peft's saved files use."""
    return {
        name.replace(".default", ""): parameter
        for name, parameter in model.named_parameters()
        if ".default" in name and ".original_module" not in name
    }


def with_frozen(model, batch):
    """Cross-entropy of the two together; then of the trained one alone."""
    activate(model, "default", "frozen")
    return cross_entropy(token_logits(model, batch["input_ids"], batch["lengths"]), batch["input_ids"], batch["response_mask"])


def reference_outputs(model, batch):
    with torch.no_grad():
        return token_logits(model, batch["input_ids"], batch["lengths"]), block_states(model, batch)


def golden_terms(model, other, batch) -> dict[str, torch.Tensor]:
    """Penalties of the adapter in training alone, by where they are taken to."""
    with torch.no_grad(), model.disable_adapter():
        references = {"base": reference_outputs(model, batch)}
    activate(model, "frozen")
    references["adapter"] = reference_outputs(model, batch)
    with torch.no_grad():
        logits = token_logits(other, batch["input_ids"], batch["lengths"])
    references["checkpoint"] = (logits, states_of(other, batch))
    activate(model, "default")
    logits, states = token_logits(model, batch["input_ids"], batch["lengths"]), block_states(model, batch)
    terms = {"crossEntropy": cross_entropy(logits, batch["input_ids"], batch["response_mask"])}
    for name, (reference_logits, reference_states) in references.items():
        terms[f"kl.{name}"] = kl_divergence(logits, reference_logits, batch["response_mask"])
        terms[f"ldifs.{name}"] = ldifs_distance(states, reference_states, batch["lengths"])
    return terms


def states_of(model, batch) -> list[torch.Tensor]:
    """`block_states` of a model without an adapter."""

    class Plain:
        def __call__(self, **options):
            return model(**options)

        def get_base_model(self):
            return model

    with torch.no_grad():
        return block_states(Plain(), batch)


def live(arguments) -> None:
    batch = {name: values.long() for name, values in load_file(arguments.batch).items()}
    model = both(arguments.model, arguments.adapter, arguments.frozen)
    if arguments.other is not None:
        terms = golden_terms(model, load_model(arguments.other), batch)
        norm = lambda term: sum(value.pow(2).sum() for value in gradients(term, parameters_of(model)).values()).sqrt().item()
        report({name: {"value": term.item(), "norm": norm(term)} for name, term in terms.items()})
        return
    loss = with_frozen(model, batch)
    found = gradients(loss, parameters_of(model))
    report({"loss": loss.item(), "norms": {name: gradient.norm().item() for name, gradient in found.items()}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("model", "adapter", "frozen", "batch", "other"):
        parser.add_argument(f"--{name}", type=Path)
    arguments = parser.parse_args()
    make_repeatable()
    if arguments.batch is not None:
        return live(arguments)
    out = GOLDENS / "frozen-parts"
    shutil.rmtree(out, ignore_errors=True)
    adapter = GOLDENS / "adapters" / ADAPTER
    checkpoint = json.loads((adapter / "expected.json").read_text())["checkpoint"]
    folder = GOLDENS / "checkpoints" / checkpoint
    config = LoraConfig(
        task_type="CAUSAL_LM", r=4, lora_alpha=8, lora_dropout=0.0, use_rslora=True, target_modules=ALL_PROJECTIONS
    )
    save_adapter(random_adapter(load_model(folder), config, 71), out / "trait", base_model=checkpoint)
    stored = load_file(adapter / "expected.safetensors")
    batch = {name: stored[f"batch.{name}"].long() for name in ("input_ids", "lengths", "response_mask")}

    model = both(folder, adapter, out / "trait")
    parameters = parameters_of(model)
    together = with_frozen(model, batch)
    tensors = {f"together.{name}": gradient for name, gradient in gradients(together, parameters).items()}
    terms = golden_terms(model, load_model(OTHER), batch)
    assert abs(together - terms["crossEntropy"]) > 0.05, "the frozen adapter hardly changes the loss"
    # Those of the cross-entropy, and to the model with the adapter off, are in goldens/adapters.
    for name, term in terms.items():
        if name.endswith((".adapter", ".checkpoint")):
            tensors |= {f"{name}.{key}": gradient for key, gradient in gradients(term, parameters).items()}
    write_tensors(out / "expected.safetensors", tensors)
    write_json(
        out / "expected.json",
        {"checkpoint": checkpoint, "adapter": ADAPTER, "together": together.item(), **{name: term.item() for name, term in terms.items()}},
    )
    require_small_files(out)
    report({name: term.item() for name, term in terms.items()})


if __name__ == "__main__":
    main()
