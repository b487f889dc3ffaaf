"""What transformers generates greedily for a chat: prompt by the folder's chat template, tokens and text.

    python3 verify_generation.py --model DIR --messages JSON [--adapter DIR] [--max-new-tokens 12] [--also JSON]

Prints {"prompt", "promptIds", "tokens", "text", "logProbabilities", "also"}; `tokens` ends with the end token where the model
gave one, `logProbabilities` are theirs given the prompt, and `also` is what it generates under each of the further settings of
`generate` listed in --also, such as [{"repetition_penalty": 1.3}, {"stop_strings": ["."]}].
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoTokenizer

from reference import json_argument, load_adapter, load_model, report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--messages", type=json_argument, required=True)
    parser.add_argument("--max-new-tokens", type=int, default=12)
    parser.add_argument("--also", type=json_argument, default=[])
    arguments = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = load_model(arguments.model)
    if arguments.adapter is not None:
        model = load_adapter(model, arguments.adapter)
    prompt = tokenizer.apply_chat_template(arguments.messages, tokenize=False, add_generation_prompt=True)
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    input_ids = torch.tensor([prompt_ids])

    def generate(**settings: object) -> list[int]:
        generated = model.generate(
            input_ids=input_ids,
            attention_mask=torch.ones_like(input_ids),
            do_sample=False,
            max_new_tokens=arguments.max_new_tokens,
            **settings,
        )
        return generated[0, len(prompt_ids) :].tolist()

    tokens = generate()
    with torch.no_grad():
        logits = model(torch.tensor([prompt_ids + tokens])).logits[0, len(prompt_ids) - 1 : -1]
    found = {
        "prompt": prompt,
        "promptIds": prompt_ids,
        "tokens": tokens,
        "text": tokenizer.decode(tokens, skip_special_tokens=True),
        "logProbabilities": logits.float().log_softmax(-1)[range(len(tokens)), tokens].tolist(),
        "also": [generate(**settings, tokenizer=tokenizer) for settings in arguments.also],
    }
    report(found)


if __name__ == "__main__":
    main()
