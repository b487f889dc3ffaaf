"""The loss of an adapter where some responses weigh less than others: the weighted mean over their tokens, and its gradients.

goldens/weighted-loss/expected.safetensors holds the weights of a golden batch's tokens (row by row 0.3, 1, 0, 0.05 of its response
mask) and the gradient of every LoRA tensor; expected.json the loss. Run make_checkpoints.py and make_adapters.py first.
"""

import torch
from safetensors.torch import load_file

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from reference import adapter_parameters, cross_entropy, gradients, load_adapter, load_model, report, token_logits

CHECKPOINT = "llama-untied-float32"
ADAPTER = "llama-lora-query-value"
WEIGHTS = [0.3, 1.0, 0.0, 0.05]


def main() -> None:
    make_repeatable()
    folder = GOLDENS / "adapters" / ADAPTER
    model = load_adapter(load_model(GOLDENS / "checkpoints" / CHECKPOINT), folder)
    tensors = load_file(folder / "expected.safetensors")
    batch = {name: tensors[f"batch.{name}"].long() for name in ("input_ids", "lengths", "response_mask")}
    rows = len(batch["lengths"])
    weights = torch.tensor([WEIGHTS[row % len(WEIGHTS)] for row in range(rows)])
    weights = weights[:, None] * batch["response_mask"].float()
    loss = cross_entropy(token_logits(model, batch["input_ids"], batch["lengths"]), batch["input_ids"], weights)
    found = gradients(loss, adapter_parameters(model))
    out = GOLDENS / "weighted-loss"
    write_tensors(out / "expected.safetensors", {"weights": weights, **{f"gradient.{name}": found[name] for name in found}})
    write_json(out / "expected.json", {"checkpoint": CHECKPOINT, "adapter": ADAPTER, "crossEntropy": loss.item()})
    require_small_files(out)
    report({"crossEntropy": loss.item(), "rows": rows})


if __name__ == "__main__":
    main()
