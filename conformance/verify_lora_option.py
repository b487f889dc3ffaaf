"""What peft computes with adapters of any options: logits, and logits after merging.

    python3 verify_lora_option.py --input-ids JSON --model DIR --adapter DIR [--model DIR --adapter DIR ...]

Prints {"results": [{"logits", "merged"}, ...]} of one row of token ids, each [tokens][vocabulary].
"""

import argparse
from pathlib import Path

import torch

from reference import json_argument, load_model, open_adapter, padded_batch, report, token_logits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("--adapter", type=Path, action="append", required=True)
    parser.add_argument("--input-ids", type=json_argument, required=True)
    arguments = parser.parse_args()

    input_ids, lengths = padded_batch([arguments.input_ids])
    results = []
    for folder, adapter in zip(arguments.model, arguments.adapter, strict=True):
        model = open_adapter(load_model(folder), adapter)
        with torch.no_grad():
            logits = token_logits(model, input_ids, lengths)[0]
            merged = token_logits(model.merge_and_unload(), input_ids, lengths)[0]
        results.append({"logits": logits.tolist(), "merged": merged.tolist()})
    report({"results": results})


if __name__ == "__main__":
    main()
