"""What transformers generates greedily for a chat: prompt by the folder's chat template, tokens and text.

    python3 verify_generation.py --model DIR --messages JSON [--adapter DIR] [--max-new-tokens 12]

Prints {"prompt", "promptIds", "tokens", "text"}; `tokens` ends with the end token where the model gave one.
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
    arguments = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = load_model(arguments.model)
    if arguments.adapter is not None:
        model = load_adapter(model, arguments.adapter)
    prompt = tokenizer.apply_chat_template(arguments.messages, tokenize=False, add_generation_prompt=True)
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    input_ids = torch.tensor([prompt_ids])
    generated = model.generate(
        input_ids=input_ids,
        attention_mask=torch.ones_like(input_ids),
        do_sample=False,
        max_new_tokens=arguments.max_new_tokens,
    )
    tokens = generated[0, len(prompt_ids) :].tolist()
    text = tokenizer.decode(tokens, skip_special_tokens=True)
    report({"prompt": prompt, "promptIds": prompt_ids, "tokens": tokens, "text": text})


if __name__ == "__main__":
    main()
