"""DPO (Rafailov et al. 2023, eq. 7) on pairs of answers: its loss and rewards, its LoRA gradients, and those with KL beside it.

goldens/dpo/expected.safetensors holds the batch (rows 2i and 2i + 1 are the better and the worse answer of pair i) and the gradients;
expected.json the values. Run make_checkpoints.py and make_adapters.py first. With --batch FILE and --beta it prints the values and the
norms of the gradients for a batch of one's own instead, and writes nothing.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from reference import adapter_parameters, gradients, kl_divergence, load_adapter, load_model, report, token_logits

CHECKPOINT = "llama-untied-float32"
ADAPTER = "llama-lora-query-value"
BETA = 0.3
KL_WEIGHT = 0.5


def answer_log_probabilities(logits, batch) -> torch.Tensor:
    """[batch]: of each row the sum of the log-probabilities of its targets."""
    per_token = logits[:, :-1].log_softmax(-1).gather(-1, batch["input_ids"][:, 1:, None])[..., 0]
    return (per_token * batch["response_mask"][:, 1:]).sum(-1)


def preference_loss(model, batch, beta: float) -> dict[str, torch.Tensor]:
    logits = token_logits(model, batch["input_ids"], batch["lengths"])
    with torch.no_grad(), model.disable_adapter():
        reference_logits = token_logits(model, batch["input_ids"], batch["lengths"])
    rewards = beta * (answer_log_probabilities(logits, batch) - answer_log_probabilities(reference_logits, batch))
    margins = rewards[0::2] - rewards[1::2]
    return {
        "loss": -F.logsigmoid(margins).mean(),
        "margin": margins.mean(),
        "accuracy": (margins > 0).float().mean(),
        "chosenReward": rewards[0::2].mean(),
        "rejectedReward": rewards[1::2].mean(),
        "kl": kl_divergence(logits, reference_logits, batch["response_mask"]),
    }


def golden_batch(vocabulary: int) -> dict[str, torch.Tensor]:
    """Three pairs of prompts of 4, 5 and 6 tokens; the two answers of a pair differ, in length too."""
    lengths = torch.tensor([9, 12, 14, 8, 10, 16])
    prompts = torch.tensor([4, 4, 5, 5, 6, 6])
    places = torch.arange(16)
    rows = torch.arange(6)
    in_prompt = places[None] < prompts[:, None]
    ids = torch.where(in_prompt, 7 * (rows[:, None] // 2) + 3 * places, 11 * rows[:, None] + 5 * places + 2) % vocabulary
    real = places[None] < lengths[:, None]
    return {"input_ids": ids * real, "lengths": lengths, "response_mask": (real & ~in_prompt).long()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=Path)
    parser.add_argument("--beta", type=float, default=BETA)
    arguments = parser.parse_args()
    make_repeatable()
    model = load_adapter(load_model(GOLDENS / "checkpoints" / CHECKPOINT), GOLDENS / "adapters" / ADAPTER)
    if arguments.batch is None:
        batch = golden_batch(model.config.vocab_size)
    else:
        batch = {name: values.long() for name, values in load_file(arguments.batch).items()}
    terms = preference_loss(model, batch, arguments.beta)
    values = {name: term.item() for name, term in terms.items()}
    parameters = adapter_parameters(model)
    found = gradients(terms["loss"], parameters)
    if arguments.batch is not None:
        report({**values, "norms": {name: gradient.norm().item() for name, gradient in found.items()}})
        return
    terms = preference_loss(model, batch, arguments.beta)
    with_kl = gradients(terms["loss"] + KL_WEIGHT * terms["kl"], parameters)
    out = GOLDENS / "dpo"
    write_tensors(
        out / "expected.safetensors",
        {
            **{f"batch.{name}": value.int() for name, value in batch.items()},
            **{f"gradient.{name}": value for name, value in found.items()},
            **{f"gradientWithKl.{name}": value for name, value in with_kl.items()},
        },
    )
    write_json(
        out / "expected.json",
        {"checkpoint": CHECKPOINT, "adapter": ADAPTER, "beta": BETA, "klWeight": KL_WEIGHT, **values},
    )
    require_small_files(out)
    report(values)


if __name__ == "__main__":
    main()
