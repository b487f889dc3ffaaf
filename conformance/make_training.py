"""What decides an optimizer step besides the gradient: learning rates of transformers' schedules, and AdamW's groups.

goldens/training/schedules.json: for each schedule its settings and the share of the peak at every step. goldens/training/groups.json:
which trained tensors of adapters transformers' Trainer decays, and the rates that peft's LoRA+ optimizer gives them.
goldens/training/steps.safetensors: an adapter's values before and after three steps of each optimizer with gradients by a formula.
Run make_checkpoints.py and make_lora_options.py first.
"""

import json
import tempfile

import torch
from peft.optimizers import create_loraplus_optimizer
from transformers import Trainer, TrainingArguments, get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup
from transformers import get_linear_schedule_with_warmup, get_wsd_schedule

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from reference import load_model, open_adapter, report, trained_parameters

CASES = ["dora-biases", "saved-embedding-and-norms", "embedding", "bias-all"]
RATE, RATIO, DECAY = 1e-2, 16.0, 0.1


def schedules() -> list[dict]:
    made = []
    for steps, warmup in ((1, 0), (2, 1), (7, 0), (12, 3), (50, 5)):
        for name, make, more in (
            ("linear", get_linear_schedule_with_warmup, {}),
            ("cosine", get_cosine_schedule_with_warmup, {}),
            ("constant", get_constant_schedule_with_warmup, None),
            ("wsd", get_wsd_schedule, {"num_decay_steps": -(-steps * 3 // 10)}),
        ):
            if name == "wsd" and warmup + more["num_decay_steps"] > steps:
                continue
            # One more step as well: without its first rate it is what SafeTune does by default.
            for shift in (0, 1):
                optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
                lengths = {"num_warmup_steps": warmup + shift}
                if more is not None:
                    lengths |= {"num_training_steps": steps + shift, **more}
                schedule = make(optimizer, **lengths)
                rates = []
                for _ in range(steps + shift):
                    rates.append(schedule.get_last_lr()[0])
                    optimizer.step()
                    schedule.step()
                made.append(
                    {"schedule": name, "steps": steps, "warmup": warmup, "startAtZero": shift == 0, "rates": rates[shift:]}
                )
    return made


def formula(count: int, step: int) -> torch.Tensor:
    """Gradients of both signs that differ from value to value."""
    at = torch.arange(count, dtype=torch.float64)
    return (torch.sin(at * 0.7 + step) * 0.5 + torch.cos(at * 0.11) * 0.2).float()


def steps_of(optimizer, parameters: dict[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    """Values after three steps, the rate falling as a schedule makes it fall."""
    started = [group["lr"] for group in optimizer.param_groups]
    for step, share in enumerate((1.0, 0.5, 0.25)):
        for group, rate in zip(optimizer.param_groups, started):
            group["lr"] = rate * share
        for index, parameter in enumerate(parameters.values()):
            parameter.grad = formula(parameter.numel(), step + index).reshape(parameter.shape)
        optimizer.step()
    return {name: parameter.detach().clone() for name, parameter in parameters.items()}


def main() -> None:
    make_repeatable()
    out = GOLDENS / "training"
    write_json(out / "schedules.json", schedules())
    groups, tensors = {}, {}
    for case in CASES:
        folder = GOLDENS / "lora-options" / case
        checkpoint = json.loads((folder / "expected.json").read_text())["checkpoint"]
        base = GOLDENS / "checkpoints" / checkpoint
        model = open_adapter(load_model(base), folder)
        parameters = trained_parameters(model)
        before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        with tempfile.TemporaryDirectory() as folder_of_trainer:
            decayed = Trainer(model, TrainingArguments(folder_of_trainer, use_cpu=True)).get_decay_parameter_names(model)
        made = {
            "trainer": torch.optim.AdamW(
                [
                    {"params": [p for name, p in parameters.items() if name in decayed], "weight_decay": DECAY},
                    {"params": [p for name, p in parameters.items() if name not in decayed], "weight_decay": 0.0},
                ],
                lr=RATE,
            ),
            "loraPlus": create_loraplus_optimizer(
                model, torch.optim.AdamW, lr=RATE, loraplus_lr_ratio=RATIO, loraplus_weight_decay=DECAY
            ),
        }
        order = {name: index for index, name in enumerate(parameters)}
        groups[case] = {"checkpoint": checkpoint, "order": order}
        for kind, optimizer in made.items():
            with torch.no_grad():
                for name, parameter in parameters.items():
                    parameter.copy_(before[name])
            after = steps_of(optimizer, parameters)
            tensors |= {f"{case}.{kind}.{index}": after[name] for name, index in order.items()}
    write_json(out / "groups.json", {"learningRate": RATE, "ratio": RATIO, "weightDecay": DECAY, "cases": groups})
    write_tensors(out / "steps.safetensors", tensors)
    require_small_files(out)
    report({"schedules": len(schedules()), "cases": CASES})


if __name__ == "__main__":
    main()
