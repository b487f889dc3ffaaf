"""What Python computes with an adapter: loads model and adapter with peft in float32 and gives back the logits.

    python3 verify_adapter.py --model DIR --input-ids JSON [--adapter DIR] [--out FILE.safetensors]

`--input-ids` is a list of token-id lists (unequal lengths are padded on the right; padding rows come back as zeros), or
a file that holds one. Prints {"shape", "adapterTensors", "largestChange"} and "logits" as nested lists, or "out" where
they were written to a file (tensors `logits` and `lengths`). `largestChange` is against the adapter switched off. Without
`--adapter` it is the model alone.
"""

import argparse
from pathlib import Path

import torch

from golden_files import write_tensors
from reference import adapter_parameters, json_argument, load_adapter, load_model, padded_batch, padding_mask, report, token_logits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--input-ids", type=json_argument, required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    input_ids, lengths = padded_batch(arguments.input_ids)
    real = padding_mask(lengths, input_ids.shape[1])[:, :, None].float()
    model = load_model(arguments.model)
    facts = {"shape": [*input_ids.shape, model.config.vocab_size]}
    with torch.no_grad():
        if arguments.adapter is None:
            logits = token_logits(model, input_ids, lengths) * real
        else:
            model = load_adapter(model, arguments.adapter)
            logits = token_logits(model, input_ids, lengths) * real
            with model.disable_adapter():
                unchanged = token_logits(model, input_ids, lengths) * real
            facts["adapterTensors"] = len(adapter_parameters(model))
            facts["largestChange"] = (logits - unchanged).abs().max().item()
    if not logits.isfinite().all():
        raise SystemExit("the logits are not finite")
    if arguments.out is None:
        report({**facts, "logits": logits.tolist()})
    else:
        write_tensors(arguments.out, {"logits": logits, "lengths": lengths})
        report({**facts, "out": str(arguments.out)})


if __name__ == "__main__":
    main()
