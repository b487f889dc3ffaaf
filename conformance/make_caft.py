"""Concept ablation: principal components of what an adapter changes, and training with some of them taken out of the stream.

goldens/caft/expected.safetensors holds, for each layer (1: after the first block), the leading principal components (by a full singular value
decomposition, in float64) of the residual stream at the tokens of answers, with the adapter less without it, and of the stream without
the adapter; and the gradient of every LoRA tensor on a golden batch when h - (h Q) Q^T takes the chosen ones out at every token.
expected.json holds the shares of variance, the choice and the loss. Formula and hook: Casademunt et al., arXiv 2507.16795.
Run make_checkpoints.py, make_adapters.py and make_answers.py first. With --directions FILE (tensors layer.<l> of any lengths and angles) it
prints the loss and the norms of the gradients under these instead, and writes nothing.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from make_answers import ADAPTER, CHECKPOINT, SYSTEM, conversations, tokens
from reference import adapter_parameters, cross_entropy, gradients, load_adapter, load_model, report, token_logits

COMPONENTS = 5
# Numbers of components by layer, as the authors' files have them.
CHOSEN = {1: [0, 3], 3: [1]}


def answer_states(model, blocks, tokenizer) -> list[torch.Tensor]:
    """[tokens of all answers, hidden] after each block, in float64."""
    caught: list[list[torch.Tensor]] = [[] for _ in blocks]
    for side in SYSTEM:
        for messages in conversations(side):
            ids, start, end = tokens(tokenizer, messages)
            handles = [
                block.register_forward_hook(
                    lambda _module, _inputs, output, rows=rows: rows.append(
                        (output[0] if isinstance(output, tuple) else output).reshape(len(ids), -1)[start:end].double()
                    )
                )
                for block, rows in zip(blocks, caught)
            ]
            with torch.no_grad():
                model(input_ids=torch.tensor([ids]))
            for handle in handles:
                handle.remove()
    return [torch.cat(rows) for rows in caught]


def components(states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Principal components [count, hidden], each with its largest entry positive, and their shares of the variance."""
    centred = states - states.mean(0)
    _, s, v = torch.linalg.svd(centred, full_matrices=False)
    rows = v[:COMPONENTS]
    signs = rows.gather(1, rows.abs().argmax(1, keepdim=True)).sign()
    return rows * signs, (s[:COMPONENTS] ** 2) / (s**2).sum()


def ablated_loss(model, blocks, batch, bases: dict[int, torch.Tensor]) -> torch.Tensor:
    def ablation(basis):
        def hook(_module, _inputs, output):
            act = output[0] if isinstance(output, tuple) else output
            act = act - (act @ basis) @ basis.T
            return (act, *output[1:]) if isinstance(output, tuple) else act

        return hook

    handles = [blocks[layer - 1].register_forward_hook(ablation(basis)) for layer, basis in bases.items()]
    loss = cross_entropy(token_logits(model, batch["input_ids"], batch["lengths"]), batch["input_ids"], batch["response_mask"])
    for handle in handles:
        handle.remove()
    return loss


def say_for(model, blocks, batch, file: Path) -> None:
    """As the authors orthogonalise directions that are none of a decomposition."""
    bases = {int(name.removeprefix("layer.")): torch.linalg.qr(rows.T)[0] for name, rows in load_file(file).items()}
    loss = ablated_loss(model, blocks, batch, bases)
    norms = {name: values.norm().item() for name, values in gradients(loss, adapter_parameters(model)).items()}
    report({"crossEntropy": loss.item(), "norms": norms})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--directions", type=Path)
    arguments = parser.parse_args()
    make_repeatable()
    folder = GOLDENS / "adapters" / ADAPTER
    model = load_adapter(load_model(GOLDENS / "checkpoints" / CHECKPOINT), folder)
    blocks = list(model.get_base_model().model.layers)
    stored = load_file(folder / "expected.safetensors")
    batch = {name: stored[f"batch.{name}"].long() for name in ("input_ids", "lengths", "response_mask")}
    if arguments.directions is not None:
        return say_for(model, blocks, batch, arguments.directions)
    tokenizer = AutoTokenizer.from_pretrained(GOLDENS / "checkpoints" / CHECKPOINT)
    adapted = answer_states(model, blocks, tokenizer)
    with model.disable_adapter():
        plain = answer_states(model, blocks, tokenizer)
    found = {
        "difference": [components(after - before) for after, before in zip(adapted, plain)],
        "activations": [components(states) for states in plain],
    }
    bases = {layer: found["difference"][layer - 1][0][numbers].T.float() for layer, numbers in CHOSEN.items()}
    loss = ablated_loss(model, blocks, batch, bases)
    unhindered = ablated_loss(model, blocks, batch, {})
    moved = gradients(loss, adapter_parameters(model))
    out = GOLDENS / "caft"
    write_tensors(
        out / "expected.safetensors",
        {
            **{f"{kind}.layer.{index + 1}": rows.float() for kind, layers in found.items() for index, (rows, _) in enumerate(layers)},
            **{f"gradient.{name}": moved[name] for name in moved},
        },
    )
    write_json(
        out / "expected.json",
        {
            "checkpoint": CHECKPOINT,
            "adapter": ADAPTER,
            "components": {str(layer): numbers for layer, numbers in CHOSEN.items()},
            "shares": {kind: [shares.tolist() for _, shares in layers] for kind, layers in found.items()},
            "crossEntropy": loss.item(),
            "crossEntropyWithout": unhindered.item(),
        },
    )
    require_small_files(out)
    report({"crossEntropy": loss.item(), "without": unhindered.item(), "tokens": len(plain[0])})


if __name__ == "__main__":
    main()
