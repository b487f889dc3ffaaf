"""What Python does: the definitions that SafeTune is compared with, over transformers and peft."""

import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # a folder that is not there is an error, not a name to look up on the hub

import torch
import torch.nn.functional as F
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from transformers import AutoModelForCausalLM, get_linear_schedule_with_warmup
from transformers.utils import logging

logging.disable_progress_bar()

KL_WEIGHT = 0.1


def load_model(folder: Path, attention: str = "eager") -> torch.nn.Module:
    """Stored weights of any type, computed in float32; eager attention is plain matrix products and softmax."""
    if not (Path(folder) / "config.json").is_file():
        raise SystemExit(f"{folder} is not a checkpoint folder: it has no config.json")
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention).eval()


def load_adapter(base: torch.nn.Module, folder: Path) -> PeftModel:
    """peft's own loading, but a tensor too few or too many is an error; peft itself only warns."""
    model = PeftModel.from_pretrained(base, folder, is_trainable=True).eval()
    with safe_open(Path(folder) / "adapter_model.safetensors", "pt") as file:
        stored = set(file.keys())
    wanted = set(adapter_parameters(model))
    if stored != wanted:
        raise SystemExit(
            f"{folder}: peft expects other tensors; missing {sorted(wanted - stored)}, unknown {sorted(stored - wanted)}"
        )
    return model


def padding_mask(lengths: torch.Tensor, width: int) -> torch.Tensor:
    """[batch] lengths to [batch, width]: 1 at real tokens, 0 at the padding on the right."""
    return (torch.arange(width)[None] < lengths[:, None]).long()


def token_logits(model, input_ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    return model(input_ids=input_ids, attention_mask=padding_mask(lengths, input_ids.shape[1]), use_cache=False).logits


def target_mean(values: torch.Tensor, response_mask: torch.Tensor) -> torch.Tensor:
    """Mean over target tokens. `values` is [batch, width - 1]: row t - 1 belongs to token t."""
    targets = response_mask[:, 1:].to(values.dtype)
    return (values * targets).sum() / targets.sum()


def cross_entropy(logits: torch.Tensor, input_ids: torch.Tensor, response_mask: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood of the target tokens; the logits at position t - 1 predict token t."""
    per_token = F.cross_entropy(logits[:, :-1].transpose(1, 2), input_ids[:, 1:], reduction="none")
    return target_mean(per_token, response_mask)


def kl_divergence(logits: torch.Tensor, reference_logits: torch.Tensor, response_mask: torch.Tensor) -> torch.Tensor:
    """Mean over target tokens of D_KL(p || p_reference) = sum_v p (log p - log p_reference), whole vocabulary."""
    log_p = logits[:, :-1].log_softmax(-1)
    log_reference = reference_logits[:, :-1].log_softmax(-1)
    per_token = (log_p.exp() * (log_p - log_reference)).sum(-1)
    return target_mean(per_token, response_mask)


def ldifs_distance(hidden, reference, lengths: torch.Tensor, *, normalise=True, perLength=False) -> torch.Tensor:
    """Mean over examples of || phi - phi_0 ||^2, phi being every layer's real tokens flattened, scaled, concatenated."""
    distances = []
    for example, length in enumerate(lengths.tolist()):
        features = []
        for states in (hidden, reference):
            blocks = [layer[example, :length].reshape(-1) for layer in states]
            features.append(torch.cat([F.normalize(block, dim=0) if normalise else block for block in blocks]))
        distance = (features[0] - features[1]).pow(2).sum()
        distances.append(distance / features[0].numel() if perLength else distance)
    return torch.stack(distances).mean()


def block_states(model: PeftModel, batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """The residual stream after each block, [batch, width, hidden], caught by hooks: before the final norm."""
    caught: list[torch.Tensor] = []

    def catch(_module, _inputs, output):
        caught.append(output[0] if isinstance(output, tuple) else output)

    handles = [block.register_forward_hook(catch) for block in model.get_base_model().model.layers]
    token_logits(model, batch["input_ids"], batch["lengths"])
    for handle in handles:
        handle.remove()
    return caught


def adapter_ldifs(model: PeftModel, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """LDIFS over all blocks against the same weights with the adapter off."""
    hidden = block_states(model, batch)
    with torch.no_grad(), model.disable_adapter():
        reference = block_states(model, batch)
    return ldifs_distance(hidden, reference, batch["lengths"])


def adapter_losses(model, batch: dict[str, torch.Tensor], kl_weight: float = KL_WEIGHT) -> dict[str, torch.Tensor]:
    """Cross-entropy, KL against the same weights with the adapter off, and the loss that adds them up."""
    logits = token_logits(model, batch["input_ids"], batch["lengths"])
    with torch.no_grad(), model.disable_adapter():
        reference_logits = token_logits(model, batch["input_ids"], batch["lengths"])
    ce = cross_entropy(logits, batch["input_ids"], batch["response_mask"])
    kl = kl_divergence(logits, reference_logits, batch["response_mask"])
    return {"crossEntropy": ce, "kl": kl, "loss": ce + kl_weight * kl}


def adapter_parameters(model) -> dict[str, torch.nn.Parameter]:
    """Trainable LoRA tensors under the names that peft's saved files use."""
    return {
        name.replace(".default.", "."): parameter for name, parameter in model.named_parameters() if ".lora_" in name
    }


def open_adapter(base: torch.nn.Module, folder: Path) -> PeftModel:
    """peft's own loading of an adapter with any of its options; a tensor too few or too many is an error."""
    model = PeftModel.from_pretrained(base, folder, is_trainable=True).eval()
    with safe_open(Path(folder) / "adapter_model.safetensors", "pt") as file:
        stored = set(file.keys())
    wanted = set(get_peft_model_state_dict(model))
    # The weights that peft saves along with adapted embeddings are the base model's own.
    missing = {name for name in wanted - stored if not name.endswith(".base_layer.weight")}
    if missing or stored - wanted:
        raise SystemExit(f"{folder}: peft expects other tensors; missing {sorted(missing)}, unknown {sorted(stored - wanted)}")
    return model


def trained_parameters(model) -> dict[str, torch.nn.Parameter]:
    """Everything that an adapter trains, under peft's names with the adapter's name left in."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def clipped_training(model, batch: dict[str, torch.Tensor], parameters: dict[str, torch.nn.Parameter], steps: int = 3):
    """AdamW on one fixed batch with the cross-entropy alone, in place; rows are measured before their step's update."""
    optimizer = torch.optim.AdamW(list(parameters.values()), lr=1e-2, weight_decay=0.01)
    rows = []
    for _ in range(steps):
        logits = token_logits(model, batch["input_ids"], batch["lengths"])
        loss = cross_entropy(logits, batch["input_ids"], batch["response_mask"])
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(list(parameters.values()), 1.0)
        rows.append({"loss": loss.item(), "gradientNorm": norm.item()})
        optimizer.step()
    return rows


def gradients(loss: torch.Tensor, parameters: dict[str, torch.nn.Parameter]) -> dict[str, torch.Tensor]:
    return dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()), retain_graph=True)))


def json_argument(text: str):
    """A command-line value that is JSON, or the path of a file that holds JSON."""
    return json.loads(text if text.lstrip()[:1] in ("[", "{") else Path(text).read_text(encoding="utf-8"))


def padded_batch(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of token ids to input_ids [batch, width], padded with 0 on the right, and lengths [batch]."""
    lengths = torch.tensor([len(row) for row in rows])
    width = int(lengths.max())
    return torch.tensor([row + [0] * (width - len(row)) for row in rows]), lengths


def report(facts: dict) -> None:
    """The one line on stdout that the caller parses."""
    print(json.dumps(facts), flush=True)


TRAINING = {
    "steps": 5,
    "learningRate": 1e-2,
    "betas": [0.9, 0.999],
    "epsilon": 1e-8,
    "weightDecay": 0.01,
    "maximumGradientNorm": 1.0,
    "warmupSteps": 2,
    "klWeight": KL_WEIGHT,
}


def train(model, batch: dict[str, torch.Tensor], settings: dict = TRAINING) -> list[dict[str, float]]:
    """AdamW on one fixed batch, in place. Every row is measured before its step's update."""
    parameters = list(adapter_parameters(model).values())
    optimizer = torch.optim.AdamW(
        parameters,
        lr=settings["learningRate"],
        betas=tuple(settings["betas"]),
        eps=settings["epsilon"],
        weight_decay=settings["weightDecay"],
    )
    schedule = get_linear_schedule_with_warmup(optimizer, settings["warmupSteps"], settings["steps"])
    rows = []
    for step in range(settings["steps"]):
        losses = adapter_losses(model, batch, settings["klWeight"])
        optimizer.zero_grad()
        losses["loss"].backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, settings["maximumGradientNorm"])
        rows.append(
            {
                "step": step + 1,
                "learningRate": optimizer.param_groups[0]["lr"],
                "gradientNorm": norm.item(),
                **{name: value.item() for name, value in losses.items()},
            }
        )
        optimizer.step()
        schedule.step()
    return rows
