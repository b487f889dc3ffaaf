"""A folder as GGUF files of several types, written with gguf-py, and what transformers computes with each.

    python3 verify_gguf_models.py --model DIR --pre NAME --types q8_0,q4_1 --input-ids JSON --out DIR

Writes TYPE.gguf and TYPE.safetensors (`logits`, computed in float32 from what gguf-py decodes) to the folder. Prints
{"types"}.
"""

import argparse
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from gguf_files import TYPES, write_gguf
from golden_files import write_tensors
from reference import json_argument, report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pre", required=True)
    parser.add_argument("--types", type=lambda text: text.split(","), required=True)
    parser.add_argument("--input-ids", type=json_argument, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    for name in arguments.types:
        if name not in TYPES:
            raise SystemExit(f"{name} is none of {', '.join(TYPES)}")
        file = arguments.out / f"{name}.gguf"
        write_gguf(arguments.model, file, name, arguments.pre)
        model = AutoModelForCausalLM.from_pretrained(
            arguments.out, gguf_file=file.name, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        with torch.no_grad():
            logits = model(input_ids=torch.tensor(arguments.input_ids), use_cache=False).logits
        write_tensors(arguments.out / f"{name}.safetensors", {"logits": logits})
    report({"types": arguments.types})


if __name__ == "__main__":
    main()
