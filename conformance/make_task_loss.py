"""Golden values of losses that take the place of the cross-entropy: constrained fine-tuning, stated in PyTorch.

Qi et al., "Safety Alignment Should Be Made More Than Just a Few Tokens Deep" (ICLR 2025, arXiv 2406.05946), eq. 3, token by token in plain
loops over answers. Inputs are float32; values and gradients are computed in float64 from them. Padding holds large garbage.
Writes goldens/task-loss.safetensors and goldens/task-loss.json.
"""

import torch
import torch.nn.functional as F

from golden_files import GOLDENS, make_repeatable, seeded, write_json, write_tensors
from reference import report

VOCABULARY, GARBAGE = 13, 1e3

make_repeatable()
generator = seeded(20_261_127)
tensors: dict[str, torch.Tensor] = {}
cases: list[dict] = []


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator)


def answers_of(row: list[int]) -> list[list[int]]:
    """Places of the targets of one example, answer by answer: every stretch of 1s is one."""
    answers: list[list[int]] = []
    for place, is_target in enumerate(row):
        if not is_target:
            continue
        if place > 0 and row[place - 1] and answers:
            answers[-1].append(place)
        else:
            answers.append([place])
    return answers


def constrained(log_ratio: torch.Tensor, beta: float) -> torch.Tensor:
    """What a target whose probability has grown by `log_ratio` costs."""
    return -(2 / beta) * F.logsigmoid(beta * log_ratio)


def betas(count: int, beta=0.1, initialFactor=20.0, firstTokenFactor=5.0, initialTokens=5) -> list[float]:
    """The authors' default: 0.5, then 2 for the tokens 2 to 5, then 0.1."""
    values = [beta * initialFactor if token < initialTokens else beta for token in range(count)]
    return [beta * firstTokenFactor, *values[1:]] if initialTokens > 0 else values


def case(name: str, lengths: list[int], masks: list[list[int]], **config) -> None:
    batch, width = len(lengths), max(lengths)
    ids = torch.randint(0, VOCABULARY, (batch, width), generator=generator)
    weights = torch.rand(batch, width, generator=generator) + 0.25
    logits, reference = normal(batch, width, VOCABULARY) * 3, normal(batch, width, VOCABULARY) * 3
    mask = torch.zeros(batch, width, dtype=torch.long)
    for row, (length, targets) in enumerate(zip(lengths, masks)):
        mask[row, :length] = torch.tensor(targets)
        logits[row, length:], reference[row, length:] = GARBAGE, -GARBAGE
    trained = logits.double().requires_grad_()
    log_p, log_q = F.log_softmax(trained, -1), F.log_softmax(reference.double(), -1)
    total, weight, plain = 0.0, 0.0, 0.0
    for row in range(batch):
        for places in answers_of(mask[row].tolist()):
            for place, beta in zip(places, betas(len(places), **config)):
                token, share = ids[row, place], weights[row, place].double()
                present = log_p[row, place - 1, token]
                total = total + share * constrained(present - log_q[row, place - 1, token], beta)
                plain, weight = plain - share * present, weight + share
    value = total / weight
    value.backward()
    assert value.isfinite() and (trained.grad[mask.roll(-1, 1) == 0] == 0).all(), name
    cases.append(
        {
            "case": name,
            "config": {"type": "constrained-sft", **config},
            "value": value.item(),
            "crossEntropy": (plain / weight).item(),
        }
    )
    for key, tensor in {
        "tokenIds": ids,
        "lengths": torch.tensor(lengths),
        "responseMask": mask,
        "lossWeights": weights * mask,
        "logits": logits,
        "referenceLogits": reference,
        "gradient.logits": trained.grad.float(),
    }.items():
        tensors[f"{name}/{key}"] = tensor


answer = [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
turns = [0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1]
case("one-answer", [10, 10], [answer, answer])
case("turns-padded", [12, 10, 4], [turns, answer, [0, 1, 0, 1]])
case("other-factors", [12, 10], [turns, answer], beta=0.4, initialFactor=3.0, firstTokenFactor=7.0, initialTokens=2)
case("uniform", [10, 12], [answer, turns], beta=1.5, initialTokens=0)

write_tensors(GOLDENS / "task-loss.safetensors", tensors)
write_json(GOLDENS / "task-loss.json", cases)
report({"cases": len(cases), "tensors": len(tensors)})
