"""What transformers and peft say of a real checkpoint, in float32: logits, greedy tokens, a training run.

    python3 real/say.py logits --model DIR [--adapter DIR] --rows JSON --positions JSON --out FILE.safetensors
    python3 real/say.py greedy --model DIR --prompts JSON --new-tokens 64
    python3 real/say.py adapter --model DIR --out DIR [--rank 8] [--random]
    python3 real/say.py train --model DIR --adapter DIR --batches FILE.json --learning-rate 1e-3 --warmup 5 --out DIR

JSON arguments may also be files. `logits` writes `logits.<row>` [positions, vocabulary] for each row of token ids. `greedy` prints
for each prompt its new tokens, to the end token where there is one, and the smallest lead that the likeliest token had.
`adapter` saves one that peft starts (B = 0) or, with --random, one whose factors are both random. `train` runs one step on each
batch {"inputIds", "lengths", "responseMask"}, prints its loss terms as measured before the update, and saves the adapter.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

from peft import LoraConfig, get_peft_model
from transformers import get_linear_schedule_with_warmup

from golden_files import write_tensors
from reference import KL_WEIGHT, adapter_losses, adapter_parameters, json_argument, load_adapter, load_model, report
from save_adapter import ALL_PROJECTIONS, random_adapter, save_adapter


def logits(arguments) -> None:
    model = load_model(arguments.model)
    if arguments.adapter is not None:
        model = load_adapter(model, arguments.adapter)
    said = {}
    with torch.no_grad():
        for index, (row, positions) in enumerate(zip(arguments.rows, arguments.positions, strict=True)):
            kept = torch.tensor(positions)
            said[f"logits.{index}"] = model(input_ids=torch.tensor([row]), logits_to_keep=kept, use_cache=False).logits[0]
    write_tensors(arguments.out, said)
    report({"out": str(arguments.out)})


def greedy(arguments) -> None:
    model = load_model(arguments.model)
    answers = []
    for prompt in arguments.prompts:
        said = model.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            do_sample=False,
            max_new_tokens=arguments.new_tokens,
            return_dict_in_generate=True,
            output_logits=True,
        )
        best = [row[0].topk(2).values for row in said.logits]
        lead = min((first - second).item() for first, second in best)
        answers.append({"tokens": said.sequences[0, len(prompt) :].tolist(), "smallestLead": lead})
    report({"answers": answers})


def adapter(arguments) -> None:
    model = load_model(arguments.model)
    torch.manual_seed(1)
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=arguments.rank,
        lora_alpha=2 * arguments.rank,
        lora_dropout=0.0,
        target_modules=list(ALL_PROJECTIONS),
    )
    made = random_adapter(model, config, 1) if arguments.random else get_peft_model(model, config)
    if arguments.random:
        # Strong enough to change what is said, not so strong that nothing is left of the model.
        for name, parameter in adapter_parameters(made).items():
            if ".lora_B." in name:
                parameter.data.mul_(0.1)
    save_adapter(made, arguments.out, str(arguments.model))
    report({"parameters": sum(parameter.numel() for parameter in adapter_parameters(made).values())})


def train(arguments) -> None:
    model = load_adapter(load_model(arguments.model), arguments.adapter)
    batches = json.loads(arguments.batches.read_text())
    parameters = list(adapter_parameters(model).values())
    optimizer = torch.optim.AdamW(parameters, lr=arguments.learning_rate, weight_decay=0.01)
    schedule = get_linear_schedule_with_warmup(optimizer, arguments.warmup, len(batches))
    rows = []
    for batch in batches:
        tensors = {
            "input_ids": torch.tensor(batch["inputIds"]),
            "lengths": torch.tensor(batch["lengths"]),
            "response_mask": torch.tensor(batch["responseMask"]),
        }
        losses = adapter_losses(model, tensors, KL_WEIGHT)
        optimizer.zero_grad()
        losses["loss"].backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        rows.append({"gradientNorm": norm.item(), **{name: value.item() for name, value in losses.items()}})
    save_adapter(model, arguments.out, str(arguments.model))
    report({"steps": rows})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)

    def command(name: str, run):
        made = commands.add_parser(name)
        made.set_defaults(run=run)
        made.add_argument("--model", type=Path, required=True)
        return made

    asked = command("logits", logits)
    asked.add_argument("--adapter", type=Path)
    asked.add_argument("--rows", type=json_argument, required=True)
    asked.add_argument("--positions", type=json_argument, required=True)
    asked.add_argument("--out", type=Path, required=True)
    asked = command("greedy", greedy)
    asked.add_argument("--prompts", type=json_argument, required=True)
    asked.add_argument("--new-tokens", type=int, default=64)
    asked = command("adapter", adapter)
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--rank", type=int, default=8)
    asked.add_argument("--random", action="store_true")
    asked = command("train", train)
    asked.add_argument("--adapter", type=Path, required=True)
    asked.add_argument("--batches", type=Path, required=True)
    asked.add_argument("--learning-rate", type=float, required=True)
    asked.add_argument("--warmup", type=int, required=True)
    asked.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
