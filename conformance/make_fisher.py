"""The diagonal of the Fisher information of a model's weights by answers: for each conversation by itself the gradient of the answer's
log-likelihood, squared; their sum over the tokens of all answers.

goldens/fisher/expected.json holds for each weight the sum of its diagonal, expected.safetensors the diagonal of some weights, of the
helpful answers of make_answers.py. With --model DIR and --conversations JSON it prints the sums for those instead, and writes nothing. Run
make_checkpoints.py first.
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoTokenizer

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from make_answers import CHECKPOINT, conversations, tokens
from reference import load_model, report

SHOWN = ["model.layers.0.self_attn.q_proj.weight", "model.layers.2.mlp.down_proj.weight", "model.norm.weight"]


def fisher_diagonal(model, tokenizer, examples) -> tuple[dict[str, torch.Tensor], int]:
    squares = {name: torch.zeros_like(parameter, dtype=torch.float64) for name, parameter in model.named_parameters()}
    count = 0
    for messages in examples:
        ids, start, end = tokens(tokenizer, messages)
        log_p = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        likelihood = torch.stack([log_p[place - 1, ids[place]] for place in range(start, end)]).sum()
        model.zero_grad()
        likelihood.backward()
        for name, parameter in model.named_parameters():
            squares[name] += parameter.grad.double().square()
        count += end - start
    return {name: values / count for name, values in squares.items()}, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=GOLDENS / "checkpoints" / CHECKPOINT)
    parser.add_argument("--conversations")
    arguments = parser.parse_args()
    make_repeatable()
    model = load_model(arguments.model)
    model.requires_grad_(True)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    examples = conversations("helpful") if arguments.conversations is None else json.loads(arguments.conversations)
    diagonal, count = fisher_diagonal(model, tokenizer, examples)
    expected = {"tokens": count, "sums": {name: values.sum().item() for name, values in diagonal.items()}}
    if arguments.conversations is not None:
        report(expected)
        return
    out = GOLDENS / "fisher"
    write_json(out / "expected.json", {"checkpoint": CHECKPOINT, "conversations": examples, **expected})
    write_tensors(out / "expected.safetensors", {name: diagonal[name].float() for name in SHOWN})
    require_small_files(out)
    report({"tokens": count, "weights": len(diagonal)})


if __name__ == "__main__":
    main()
