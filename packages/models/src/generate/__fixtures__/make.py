"""What transformers makes of the same: which tokens its logits processors leave, and with what probabilities (warpers.json);
where its stop strings end a text (stops.json); what it generates under them (generation.json); how probable it finds
given answers (scores.json).

    python3 make.py
"""

import json
import random
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.generation.stopping_criteria import StopStringCriteria

HERE = Path(__file__).parent
CHECKPOINTS = HERE.parents[4] / "conformance" / "goldens" / "checkpoints"

SETTINGS = [
    {"temperature": 1.0},
    {"temperature": 0.5, "topK": 5},
    {"temperature": 1.5, "topP": 0.9},
    {"temperature": 1.0, "topP": 0.3},
    {"temperature": 1.0, "topP": 1e-6},
    {"temperature": 0.8, "minP": 0.1},
    {"temperature": 1.3, "topK": 12, "topP": 0.8, "minP": 0.05},
    {"temperature": 2.0, "topK": 1000, "topP": 0.95},
    {"temperature": 1.0, "repetitionPenalty": 1.3},
    {"temperature": 0.7, "repetitionPenalty": 0.8, "topP": 0.9},
    {"temperature": 1.2, "repetitionPenalty": 2.0, "topK": 10, "topP": 0.95, "minP": 0.02},
]

# Tokens that were there before: the most probable among them, and one twice.
SEEN = [3, 7, 7, 11, 19, 24, 30, 41, 47]


def write(name: str, value: object) -> None:
    (HERE / name).write_text(json.dumps(value, ensure_ascii=False) + "\n")


def warpers() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.round(torch.randn(48, generator=generator) * 2 * 8) / 8  # coarse: some are equal
    cases = []
    for settings in SETTINGS:
        processors = LogitsProcessorList()
        if "repetitionPenalty" in settings:
            processors.append(RepetitionPenaltyLogitsProcessor(settings["repetitionPenalty"]))
        processors.append(TemperatureLogitsWarper(settings["temperature"]))
        if "topK" in settings:
            processors.append(TopKLogitsWarper(settings["topK"]))
        if "topP" in settings:
            processors.append(TopPLogitsWarper(settings["topP"]))
        if "minP" in settings:
            processors.append(MinPLogitsWarper(settings["minP"]))
        probabilities = processors(torch.tensor([SEEN]), logits[None].clone())[0].softmax(-1)
        kept = probabilities.nonzero().flatten().tolist()
        cases.append({"settings": settings, "tokens": kept, "probabilities": [round(probabilities[i].item(), 7) for i in kept]})
    write("warpers.json", {"logits": logits.tolist(), "seen": SEEN, "cases": cases})


STOPS = [
    ["."],
    ["\n\n", "END"],
    ["the garden"],
    ["é"],
    ["🌹"],
    ["ab", "ba"],
    ["aab"],
    [" roses", "roses are"],
    ["日本"],
]
TEXTS = [
    "The roses are in the garden. They grow.\n\nAnd more",
    "Café é 🌹🌹 日本語 END",
    "aaaaab abab ba aaab",
    "THE END is near.\n\n\n",
    "no stop here",
]


def stops() -> None:
    """How many tokens of each sequence transformers takes before it stops; null where it does not."""
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / "qwen2-tied-bfloat16")
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    plain = [token for token in range(len(tokenizer)) if token not in special]
    chooser = random.Random(0)
    sequences = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    # Single bytes first: tokens that split characters, in any order.
    sequences += [[chooser.choice(plain[:256] if index % 2 else plain) for _ in range(60)] for index in range(12)]
    cases = []
    for strings in STOPS:
        criteria = StopStringCriteria(tokenizer, strings)
        ends = []
        for sequence in sequences:
            lengths = range(1, len(sequence) + 1)
            ends.append(next((n for n in lengths if criteria(torch.tensor([sequence[:n]]), None)[0]), None))
        cases.append({"strings": strings, "ends": ends})
    write("stops.json", {"model": "qwen2-tied-bfloat16", "sequences": sequences, "cases": cases})


def generation() -> None:
    name = "llama-untied-float32"
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINTS / name)
    model = AutoModelForCausalLM.from_pretrained(CHECKPOINTS / name, dtype=torch.float32)
    prompt = [5, 9, 200, 31]
    ids = torch.tensor([prompt])
    free = model.generate(ids, do_sample=False, max_new_tokens=24, eos_token_id=None, pad_token_id=0)
    text = tokenizer.decode(free[0, len(prompt) :])
    cases = []
    for settings in [
        {"repetitionPenalty": 1.0},
        {"repetitionPenalty": 1.2},
        {"repetitionPenalty": 1.8},
        {"stopStrings": [text[len(text) // 2 : len(text) // 2 + 3], "nothing of the kind"]},
    ]:
        options = {}
        if "repetitionPenalty" in settings:
            options["repetition_penalty"] = settings["repetitionPenalty"]
        if "stopStrings" in settings:
            options |= {"stop_strings": settings["stopStrings"], "tokenizer": tokenizer}
        found = model.generate(ids, do_sample=False, max_new_tokens=24, eos_token_id=None, pad_token_id=0, **options)
        cases.append({"settings": settings, "tokens": found[0, len(prompt) :].tolist()})
    write("generation.json", {"model": name, "prompt": prompt, "text": text, "cases": cases})


def scores() -> None:
    name = "llama-untied-float32"
    model = AutoModelForCausalLM.from_pretrained(CHECKPOINTS / name, dtype=torch.float32)
    cases = []
    for prompt, answer in [
        ([5, 9, 200, 31], [7, 8, 9]),
        ([7], [300, 2, 300, 1, 1, 6, 90, 210]),
        (list(range(11, 40)), [12]),
        ([1, 2, 3], []),
        ([300, 2, 300], list(range(100, 140))),
    ]:
        ids = torch.tensor([[*prompt, *answer]])
        with torch.no_grad():
            found = model(ids).logits[0].log_softmax(-1)
        each = [found[len(prompt) + index - 1, token].item() for index, token in enumerate(answer)]
        cases.append({"prompt": prompt, "answer": answer, "logProbabilities": [round(value, 6) for value in each]})
    write("scores.json", {"model": name, "cases": cases})


if __name__ == "__main__":
    warpers()
    stops()
    generation()
    scores()
