"""Which tokens transformers' logits warpers leave, and with what probabilities: writes warpers.json.

    python3 make.py
"""

import json
from pathlib import Path

import torch
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

SETTINGS = [
    {"temperature": 1.0},
    {"temperature": 0.5, "topK": 5},
    {"temperature": 1.5, "topP": 0.9},
    {"temperature": 1.0, "topP": 0.3},
    {"temperature": 1.0, "topP": 1e-6},
    {"temperature": 0.8, "minP": 0.1},
    {"temperature": 1.3, "topK": 12, "topP": 0.8, "minP": 0.05},
    {"temperature": 2.0, "topK": 1000, "topP": 0.95},
]


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.round(torch.randn(48, generator=generator) * 2 * 8) / 8  # coarse: some are equal
    cases = []
    for settings in SETTINGS:
        warpers = LogitsProcessorList([TemperatureLogitsWarper(settings["temperature"])])
        if "topK" in settings:
            warpers.append(TopKLogitsWarper(settings["topK"]))
        if "topP" in settings:
            warpers.append(TopPLogitsWarper(settings["topP"]))
        if "minP" in settings:
            warpers.append(MinPLogitsWarper(settings["minP"]))
        probabilities = warpers(None, logits[None].clone())[0].softmax(-1)
        kept = probabilities.nonzero().flatten().tolist()
        cases.append({"settings": settings, "tokens": kept, "probabilities": [round(probabilities[i].item(), 7) for i in kept]})
    path = Path(__file__).with_name("warpers.json")
    path.write_text(json.dumps({"logits": logits.tolist(), "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
