"""What PyTorch autograd computes for an adapter and a batch: losses and every LoRA gradient.

    python3 verify_gradients.py --model DIR --adapter DIR --batch FILE.safetensors --out FILE.safetensors [--kl-weight 0.1]

The batch file holds input_ids [batch, width], lengths [batch] and response_mask [batch, width], int64. Prints
{"crossEntropy", "kl", "loss", "out"}; the out file holds gradient.cross_entropy.<name> and gradient.loss.<name>.
"""

import argparse
from pathlib import Path

from safetensors.torch import load_file

from golden_files import write_tensors
from reference import KL_WEIGHT, adapter_losses, adapter_parameters, gradients, load_adapter, load_model, report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--adapter", type=Path, required=True)
    parser.add_argument("--batch", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kl-weight", type=float, default=KL_WEIGHT)
    arguments = parser.parse_args()

    model = load_adapter(load_model(arguments.model), arguments.adapter)
    batch = {name: tensor.long() for name, tensor in load_file(arguments.batch).items()}
    losses = adapter_losses(model, batch, arguments.kl_weight)
    parameters = adapter_parameters(model)
    tensors = {
        f"gradient.{label}.{name}": gradient
        for label, loss in (("cross_entropy", losses["crossEntropy"]), ("loss", losses["loss"]))
        for name, gradient in gradients(loss, parameters).items()
    }
    write_tensors(arguments.out, tensors)
    report({**{name: value.item() for name, value in losses.items()}, "out": str(arguments.out)})


if __name__ == "__main__":
    main()
