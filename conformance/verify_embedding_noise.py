"""Cross-entropy and its LoRA gradients where noise is added to the embeddings, where transformers' NEFTune adds it.

    python3 verify_embedding_noise.py --model DIR --adapter DIR --batch FILE.safetensors

The file holds input_ids [batch, width], lengths [batch], response_mask [batch, width] and noise [batch, width, hidden]. Prints the
loss, and for every LoRA tensor the l2 norm of its gradient.
"""

import argparse
from pathlib import Path

from safetensors.torch import load_file

from reference import adapter_parameters, cross_entropy, gradients, load_adapter, load_model, report, token_logits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("model", "adapter", "batch"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    batch = load_file(arguments.batch)
    model = load_adapter(load_model(arguments.model), arguments.adapter)
    # The module and the place that transformers' activate_neftune hooks.
    embeddings = model.base_model.model.get_input_embeddings()
    embeddings.register_forward_hook(lambda _module, _inputs, output: output + batch["noise"])
    ids = batch["input_ids"].long()
    logits = token_logits(model, ids, batch["lengths"].long())
    loss = cross_entropy(logits, ids, batch["response_mask"].long())
    found = gradients(loss, adapter_parameters(model))
    report({"loss": loss.item(), "norms": {name: value.norm().item() for name, value in found.items()}})


if __name__ == "__main__":
    main()
