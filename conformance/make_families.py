"""What transformers computes with a small model of every family and of every kind of rotary positions.

Each goldens/families/<name>/ holds config.json as transformers 5 writes it, config.version-4.json in the keys of
transformers 4, and expected.json and expected.safetensors (see README.md). The weights are given by a formula
(formula_weights.py).
"""

import json
import shutil

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from formula_weights import noise, randomise
from golden_files import GOLDENS, make_repeatable, require_small_files, write_json, write_tensors
from reference import cross_entropy, token_logits

WIDTH, LENGTHS = 40, [40, 29]
PROMPTS = [17, 5]  # tokens of the prompts that are continued
CONTINUATION = 64
SMALL = dict(
    vocab_size=96,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=256,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
    tie_word_embeddings=False,
)


def rope(rope_type: str, **settings) -> dict:
    return {"rope_parameters": {"rope_type": rope_type, "rope_theta": 10_000.0, **settings}}


def longrope(features: int) -> dict:
    return {
        "short_factor": [1 + 0.05 * pair for pair in range(features // 2)],
        "long_factor": [1.5 + 0.7 * pair for pair in range(features // 2)],
    }


# Windows are shorter than the texts; positions go beyond what dynamic and longrope call long.
CASES: dict[str, dict] = {
    "llama-llama3-biases": dict(
        model_type="llama",
        head_dim=16,
        attention_bias=True,
        mlp_bias=True,
        **rope("llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64),
    ),
    "llama-linear-gelu": dict(model_type="llama", hidden_act="gelu", **rope("linear", factor=3.0)),
    "llama-dynamic": dict(model_type="llama", **{**rope("dynamic", factor=4.0), "max_position_embeddings": 24}),
    "llama-yarn": dict(
        model_type="llama",
        head_dim=16,
        **rope("yarn", factor=4.0, original_max_position_embeddings=64, beta_fast=8.0, beta_slow=1.0),
    ),
    "llama-yarn-mscale": dict(
        model_type="llama",
        head_dim=16,
        **rope("yarn", factor=4.0, original_max_position_embeddings=64, mscale=1.2, mscale_all_dim=0.7, truncate=False),
    ),
    "llama-yarn-attention-factor": dict(
        model_type="llama", head_dim=16, **rope("yarn", factor=8.0, original_max_position_embeddings=32, attention_factor=0.9)
    ),
    "mistral-window": dict(model_type="mistral", sliding_window=8, head_dim=16),
    "qwen2-window": dict(
        model_type="qwen2", num_hidden_layers=3, use_sliding_window=True, sliding_window=8, max_window_layers=1
    ),
    "qwen3": dict(model_type="qwen3", head_dim=16, tie_word_embeddings=True),
    "qwen3-window-biases": dict(
        model_type="qwen3",
        head_dim=8,
        attention_bias=True,
        use_sliding_window=True,
        sliding_window=6,
        layer_types=["sliding_attention", "full_attention"],
    ),
    "smollm3": dict(model_type="smollm3", num_hidden_layers=4, no_rope_layer_interval=2, hidden_act="gelu_new"),
    "smollm3-window": dict(
        model_type="smollm3", num_hidden_layers=2, no_rope_layers=[0, 1], use_sliding_window=True, sliding_window=7
    ),
    "gemma2": dict(
        model_type="gemma2",
        head_dim=16,
        query_pre_attn_scalar=24,
        sliding_window=8,
        attn_logit_softcapping=2.0,
        final_logit_softcapping=4.0,
    ),
    "gemma3": dict(
        model_type="gemma3_text",
        num_hidden_layers=3,
        head_dim=16,
        query_pre_attn_scalar=20,
        sliding_window=8,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1_000_000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        },
    ),
    "gemma3-soft-capped": dict(
        model_type="gemma3_text",
        head_dim=8,
        sliding_window=5,
        final_logit_softcapping=6.0,
        attention_bias=True,
        tie_word_embeddings=True,
    ),
    "phi3-partial": dict(
        model_type="phi3", sliding_window=9, original_max_position_embeddings=256, **rope("default", partial_rotary_factor=0.5)
    ),
    "phi3-longrope": dict(
        model_type="phi3",
        original_max_position_embeddings=24,
        **rope("longrope", **longrope(8), partial_rotary_factor=1.0),
    ),
    "olmo2": dict(model_type="olmo2"),
    "granite": dict(
        model_type="granite",
        embedding_multiplier=6.0,
        attention_multiplier=0.2,
        residual_multiplier=0.4,
        logits_scaling=0.5,
        hidden_act="relu",
        attention_bias=True,
        mlp_bias=True,
    ),
    "gpt-neox": dict(model_type="gpt_neox", rope_parameters={"rope_theta": 10_000.0, "partial_rotary_factor": 0.5}),
    "gpt-neox-sequential": dict(
        model_type="gpt_neox", use_parallel_residual=False, attention_bias=False, hidden_act="gelu_pytorch_tanh"
    ),
}
GRADIENTS = {"gemma2", "gemma3", "phi3-longrope", "phi3-partial", "olmo2", "granite", "qwen3", "gpt-neox", "smollm3"}
OFFSET_NORMS = {"gemma2", "gemma3_text"}


def make_config(settings: dict):
    settings = {**SMALL, **settings}
    if settings["model_type"] == "gpt_neox":
        del settings["num_key_value_heads"]
    return AutoConfig.for_model(settings.pop("model_type"), **settings)


def version_4(config: dict) -> dict:
    """The same in the keys of transformers 4."""
    config = json.loads(json.dumps(config))
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.46.0"
    ropes = config.pop("rope_parameters")
    if config["model_type"] == "gemma3_text":
        full, sliding = ropes["full_attention"], ropes["sliding_attention"]
        config["rope_theta"], config["rope_local_base_freq"] = full.pop("rope_theta"), sliding["rope_theta"]
        config["rope_scaling"] = None if full["rope_type"] == "default" else full
        return config
    theta, partial = ropes.pop("rope_theta"), ropes.pop("partial_rotary_factor", None)
    if config["model_type"] == "gpt_neox":
        config["rotary_emb_base"], config["rotary_pct"] = theta, partial
    else:
        config["rope_theta"] = theta
        if partial is not None:
            config["partial_rotary_factor"] = partial
    config["rope_scaling"] = None if ropes["rope_type"] == "default" else ropes
    if config["rope_scaling"] is not None and config["model_type"] == "phi3":
        ropes.pop("original_max_position_embeddings", None)
    return config


def require_same_meaning(folder, current) -> None:
    restored = AutoConfig.from_pretrained(folder / "config.version-4.json")
    assert restored.rope_parameters == current.rope_parameters, (restored.rope_parameters, current.rope_parameters)


def token_ids(name: str, *shape: int) -> torch.Tensor:
    return ((noise(name, shape) + 1) / 2 * (SMALL["vocab_size"] - 3)).long() + 3


def right_padded(model, ids: torch.Tensor) -> torch.Tensor:
    lengths = torch.tensor(LENGTHS)
    with torch.no_grad():
        logits = token_logits(model, ids, lengths)
    real = (torch.arange(WIDTH)[None] < lengths[:, None]).float()
    return logits * real[:, :, None]


def continuation(model, prompt: torch.Tensor) -> tuple[list[int], float]:
    """Greedy tokens of `generate`, and by how much the best logit led where it was closest."""
    output = model.generate(
        prompt[None],
        attention_mask=torch.ones_like(prompt[None]),
        do_sample=False,
        max_new_tokens=CONTINUATION,
        min_new_tokens=CONTINUATION,
        eos_token_id=None,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
    )
    best = torch.stack(output.logits)[:, 0].topk(2, -1).values
    return output.sequences[0, len(prompt) :].tolist(), (best[:, 0] - best[:, 1]).min().item()


def left_padded(model, prompts: list[torch.Tensor]) -> list[list[int]]:
    width = max(len(prompt) for prompt in prompts)
    ids = torch.stack([torch.cat([torch.zeros(width - len(prompt), dtype=torch.long), prompt]) for prompt in prompts])
    mask = torch.stack([(torch.arange(width) >= width - len(prompt)).long() for prompt in prompts])
    output = model.generate(
        ids,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=CONTINUATION,
        min_new_tokens=CONTINUATION,
        eos_token_id=None,
        pad_token_id=0,
    )
    return output[:, width:].tolist()


def gradient_projections(model, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of every parameter's gradient its norm and its products with two directions that a formula gives."""
    lengths = torch.tensor(LENGTHS)
    response_mask = torch.zeros_like(ids)
    response_mask[0, 20:40] = 1
    response_mask[1, 9:29] = 1
    loss = cross_entropy(token_logits(model, ids, lengths), ids, response_mask)
    loss.backward()
    found = {"response_mask": response_mask, "cross_entropy": loss.detach()}
    for name, parameter in model.named_parameters():
        gradient = parameter.grad.double()
        directions = [noise(f"{name}/{index}", parameter.shape).double() for index in (0, 1)]
        found[f"gradient.{name}"] = torch.tensor(
            [gradient.norm().item(), *((gradient * direction).sum().item() for direction in directions)], dtype=torch.float32
        )
    return found


def fresh_model(folder, salt: str, norms_around: float):
    """A model that has computed nothing yet: with dynamic positions transformers' remembers its longest text."""
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager").eval()
    randomise(model, salt, norms_around)
    return model


def make_family(name: str, settings: dict) -> str:
    folder = GOLDENS / "families" / name
    shutil.rmtree(folder, ignore_errors=True)
    config = make_config(settings)
    config.save_pretrained(folder)
    written = json.loads((folder / "config.json").read_text())
    written.setdefault("dtype", "float32")
    write_json(folder / "config.json", written)
    write_json(folder / "config.version-4.json", version_4(written))
    require_same_meaning(folder, config)
    around = 0.0 if settings["model_type"] in OFFSET_NORMS else 1.0

    prompts = [token_ids(f"prompt {index}", length) for index, length in enumerate(PROMPTS)]
    for attempt in range(50):
        salt = f" {name} {attempt}"
        tokens, margins = zip(*(continuation(fresh_model(folder, salt, around), prompt) for prompt in prompts))
        # With tied and enlarged embeddings every token likes itself best.
        distinct = 1 if settings.get("tie_word_embeddings") and around == 0 else 6
        if min(margins) > 2e-3 and min(len(set(each)) for each in tokens) >= distinct:
            break
    else:
        raise SystemExit(f"{name}: two tokens are nearly equal, or a text repeats itself, for every salt")
    model = fresh_model(folder, salt, around)
    together = left_padded(model, prompts)
    by_length = settings.get("rope_parameters", {}).get("rope_type") in ("dynamic", "longrope")
    # There the rows of a batch go by the longest, in transformers.
    assert by_length or together == list(tokens), f"{name}: padding on the left changes what transformers generates"

    ids, model = token_ids("text", 2, WIDTH), fresh_model(folder, salt, around)
    logits = right_padded(model, ids)
    deviation = logits[0].std().item()
    assert 0.3 < deviation < 4, f"{name}: logits have std {deviation}"
    write_json(
        folder / "expected.json",
        {
            "salt": salt,
            "normsAround": around,
            "tensors": {key: list(parameter.shape) for key, parameter in model.named_parameters()},
            "prompts": [prompt.tolist() for prompt in prompts],
            "continuations": list(tokens),
            "smallestMargin": round(min(margins), 4),
        },
    )
    write_tensors(
        folder / "expected.safetensors",
        {
            "input_ids": ids,
            "lengths": torch.tensor(LENGTHS),
            "logits": logits,
            **(gradient_projections(model, ids) if name in GRADIENTS else {}),
        },
    )
    require_small_files(folder)
    return f"{name}: {sum(path.stat().st_size for path in folder.iterdir())} bytes, logits std {deviation:.2f}, margin {min(margins):.4f}, salt {attempt}"


if __name__ == "__main__":
    import sys

    make_repeatable()
    for name, settings in CASES.items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            print(make_family(name, settings))
