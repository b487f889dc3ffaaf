"""The organism's work in PyTorch, eager and plain: growing steps and LoRA fine-tunes on the batches that organism.ts wrote.

Prints one JSON object: seconds of each part, and the losses by which the two sides are compared.
Usage: python3 organism.py JOB.json
"""

import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

job = json.load(open(sys.argv[1]))
torch.set_num_threads(job["threads"])
heads, eps, base = job["heads"], job["normEpsilon"], job["rotaryBase"]


def normed(x, gain):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * gain


def rotated(x, cos, sin):
    half = x.shape[-1] // 2
    turned = torch.cat([-x[..., half:], x[..., :half]], -1)
    return x * cos + turned * sin


def forward(weights, ids, low_rank=None):
    """Logits [batch, seq, vocabulary]; low_rank maps a layer's name to (A, B, scale)."""
    length = ids.shape[1]
    x = weights["model.embed_tokens.weight"][ids]
    size = x.shape[-1] // heads
    angles = torch.arange(length)[:, None] * base ** (-torch.arange(0, size, 2) / size)
    cos, sin = (torch.cat([t, t], -1) for t in (angles.cos(), angles.sin()))

    def linear(value, name):
        out = value @ weights[name + ".weight"].T
        if low_rank is not None:
            a, b, scale = low_rank[name]
            out = out + (value @ a.T) @ b.T * scale
        return out

    def split(value):
        return value.view(*ids.shape, heads, size).transpose(1, 2)

    for layer in range(job["layers"]):
        at = f"model.layers.{layer}."
        y = normed(x, weights[at + "input_layernorm.weight"])
        q, k, v = (split(linear(y, f"{at}self_attn.{p}_proj")) for p in "qkv")
        mixed = F.scaled_dot_product_attention(rotated(q, cos, sin), rotated(k, cos, sin), v, is_causal=True)
        x = x + linear(mixed.transpose(1, 2).reshape(x.shape), at + "self_attn.o_proj")
        y = normed(x, weights[at + "post_attention_layernorm.weight"])
        gated = F.silu(linear(y, at + "mlp.gate_proj")) * linear(y, at + "mlp.up_proj")
        x = x + linear(gated, at + "mlp.down_proj")
    return normed(x, weights["model.norm.weight"]) @ weights["model.embed_tokens.weight"].T


def losses(logits, reference, ids, mask):
    """Mean cross-entropy of the supervised tokens, and the mean KL divergence from the reference at the same places."""
    rows = mask[:, 1:].bool()
    taken = logits[:, :-1][rows]
    entropy = F.cross_entropy(taken, ids[:, 1:][rows])
    if reference is None:
        return entropy, None
    log_p, log_q = taken.log_softmax(-1), reference[:, :-1][rows].log_softmax(-1)
    return entropy, (log_p.exp() * (log_p - log_q)).sum(-1).mean()


def train(parameters, stage, batches, step_losses):
    betas = tuple(stage["betas"])
    optimizer = torch.optim.AdamW(parameters, betas=betas, eps=stage["adamEpsilon"], weight_decay=stage["weightDecay"])
    final, found = stage["finalLearningRateFraction"], []
    for step, (ids, mask) in enumerate(batches):
        warm = min(1, (step + 1) / stage["warmupSteps"])
        decay = final + (1 - final) * 0.5 * (1 + math.cos(math.pi * step / stage["steps"]))
        optimizer.param_groups[0]["lr"] = stage["peakLearningRate"] * warm * decay
        entropy, loss = step_losses(ids, mask)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, stage["clipNorm"])
        optimizer.step()
        found.append(entropy.item())
    return found


def tensors(batches):
    return [(torch.tensor(ids), torch.tensor(mask, dtype=torch.float)) for ids, mask in batches]


def grow(part):
    weights = {name: value.clone().requires_grad_() for name, value in load_file(part["checkpoint"]).items()}

    def step_losses(ids, mask):
        entropy, _ = losses(forward(weights, ids), None, ids, mask)
        return entropy, entropy

    return train(list(weights.values()), part["stage"], tensors(part["batches"]), step_losses)


def fine_tune(part):
    weights = load_file(part["checkpoint"])
    start = load_file(part["adapter"])
    factors = {key.removeprefix("base_model.model."): value.clone().requires_grad_() for key, value in start.items()}
    names = sorted({key.rsplit(".lora_", 1)[0] for key in factors})
    low_rank = {n: (factors[n + ".lora_A.weight"], factors[n + ".lora_B.weight"], part["scale"]) for n in names}

    def step_losses(ids, mask):
        reference = None
        if part["kl"]:
            with torch.no_grad():
                reference = forward(weights, ids)
        entropy, divergence = losses(forward(weights, ids, low_rank), reference, ids, mask)
        return entropy, entropy if divergence is None else entropy + part["kl"] * divergence

    found = train(list(factors.values()), part["stage"], tensors(part["batches"]), step_losses)
    started = time.perf_counter()
    with torch.no_grad():
        sample(weights, low_rank, torch.tensor(part["prompts"]), part["newTokens"])
    return found, time.perf_counter() - started


def sample(weights, low_rank, ids, count):
    for _ in range(count):
        probabilities = forward(weights, ids, low_rank)[:, -1].softmax(-1)
        ids = torch.cat([ids, torch.multinomial(probabilities, 1)], 1)
    return ids


results = []
for part in job["parts"]:
    started = time.perf_counter()
    if part["kind"] == "grow":
        found, answering = grow(part), 0
    else:
        found, answering = fine_tune(part)
    seconds = time.perf_counter() - started
    results.append({"name": part["name"], "training": seconds - answering, "answering": answering, "losses": found})
print(json.dumps(results))
