"""Small Hugging Face checkpoints with random weights, and what transformers computes with them.

Each goldens/checkpoints/<name>/ is what `save_pretrained` writes, plus expected.safetensors and expected.json (see
README.md) and config.version-4.json: the same configuration with the keys that transformers 4 wrote, as most
checkpoints on the hub have them.
"""

import json
import shutil

import torch
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from golden_files import GOLDENS, make_readable, make_repeatable, require_small_files, seeded, write_json, write_tensors
from reference import cross_entropy, load_model, padding_mask, token_logits
from tokenizer_recipes import VOCABULARY_SIZE, llama_tokenizer, qwen2_tokenizer

CONTINUATION = 12
PADDED_VOCABULARY = VOCABULARY_SIZE + 8  # real Qwen checkpoints have more embedding rows than tokens

TEXTS = [
    "",
    "Hello",
    "The answer to the question is in the book.",
    "  two leading spaces, and one trailing ",
    "line one\nline two\r\n\n\n  indented\tand tabbed\n",
    "It's what they'd say; I'LL see what WE'VE got, isn't it?",
    "In 2024: 1234567 + 89 = 1234656 (3.14159)",
    "def f(x):\n    return {'x': x ** 2}  # squared",
    "Straße, señor, Être — “quoted” … 你好，世界 Привет こんにちは",
    "emoji 🙂👍🏽 and combining cafe\u0301 versus caf\u00e9",
    "{user} <|not_a_token|> <|im_end|> <|eot_id|> <|endoftext|>",
]

CHATS = {
    "one-user-turn": [{"role": "user", "content": "What is the best way to keep the water clean?"}],
    "system": [
        {"role": "system", "content": "You are a careful gardener."},
        {"role": "user", "content": "Tell me about the garden."},
    ],
    "answered": [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hello there."},
    ],
    "many-turns": [
        {"role": "system", "content": "Answer in one word."},
        {"role": "user", "content": "Is 12 > 7?"},
        {"role": "assistant", "content": "Yes"},
        {"role": "user", "content": "  Are you sure?\nReally?  "},
        {"role": "assistant", "content": "Yes."},
    ],
}


def qwen2_config(tokenizer, **changes) -> Qwen2Config:
    return Qwen2Config(
        **{
            "vocab_size": PADDED_VOCABULARY,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 256,
            "rope_theta": 1_000_000.0,
            "rms_norm_eps": 1e-6,
            "bos_token_id": tokenizer.convert_tokens_to_ids("<|endoftext|>"),
            "eos_token_id": tokenizer.convert_tokens_to_ids("<|im_end|>"),
            **changes,
        }
    )


def llama_config(tokenizer, **changes) -> LlamaConfig:
    return LlamaConfig(
        **{
            "vocab_size": VOCABULARY_SIZE,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 256,
            "rope_theta": 500_000.0,
            "rms_norm_eps": 1e-5,
            "bos_token_id": tokenizer.convert_tokens_to_ids("<|begin_of_text|>"),
            "eos_token_id": [tokenizer.convert_tokens_to_ids(token) for token in ("<|end_of_text|>", "<|eot_id|>")],
            **changes,
        }
    )


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Weights of 1 / sqrt(inputs): every layer passes on about the variance it gets, so logits have std of about 1."""
    generator = seeded(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        with torch.no_grad():
            if parameter.dim() == 2:
                parameter.copy_(noise / parameter.shape[1] ** 0.5)
            elif "norm" in name:
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(0.3 * noise)


def version_4_config(folder) -> dict:
    """config.json in the keys of transformers 4: torch_dtype, and rope_theta beside rope_scaling."""
    config = json.loads((folder / "config.json").read_text())
    rope = config.pop("rope_parameters")
    config["torch_dtype"] = config.pop("dtype")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    config["transformers_version"] = "4.46.0"
    return config


def require_same_meaning(folder, version_4: dict) -> None:
    write_json(folder / "version-4" / "config.json", version_4)
    restored, current = (AutoConfig.from_pretrained(path) for path in (folder / "version-4", folder))
    assert restored.rope_parameters == current.rope_parameters, (restored.rope_parameters, current.rope_parameters)
    assert restored.dtype == current.dtype
    shutil.rmtree(folder / "version-4")


def expected_values(model, tokenizer, seed: int) -> dict[str, torch.Tensor]:
    width, lengths = 20, torch.tensor([20, 13])
    mask = padding_mask(lengths, width)
    drawn = torch.randint(0, model.config.vocab_size, (2, width), generator=seeded(seed))
    input_ids = torch.where(mask.bool(), drawn, tokenizer.pad_token_id)

    last_block = []
    hook = model.model.layers[-1].register_forward_hook(
        lambda _module, _inputs, output: last_block.append(output[0] if isinstance(output, tuple) else output)
    )
    with torch.no_grad():
        output = model(input_ids=input_ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
    hook.remove()

    # Nothing is promised about padding: its rows are stored as zeros, so that nobody compares them by mistake.
    real = mask[:, :, None].float()
    states = {f"hidden_states.{layer}": state * real for layer, state in enumerate(output.hidden_states)}
    assert len(states) == model.config.num_hidden_layers + 1
    deviation = output.logits[mask.bool()].std().item()
    assert 0.7 < deviation < 1.5, f"logits have std {deviation}"
    return {
        "input_ids": input_ids,
        "lengths": lengths,
        "logits": output.logits * real,
        **states,
        "residual_stream.last": last_block[0] * real,
    }


def greedy_continuation(model, tokenizer) -> dict:
    messages = CHATS["system"]
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    tokens, margins = [], []
    for _ in range(CONTINUATION):
        ids = torch.tensor([prompt_ids + tokens])
        with torch.no_grad():
            best = token_logits(model, ids, torch.tensor([ids.shape[1]]))[0, -1].topk(2)
        tokens.append(best.indices[0].item())
        margins.append((best.values[0] - best.values[1]).item())
    generated = model.generate(torch.tensor([prompt_ids]), do_sample=False, max_new_tokens=CONTINUATION)[0].tolist()
    assert generated == prompt_ids + tokens, "generate() with its cache and the plain forward disagree, or it stopped early"
    assert min(margins) > 5e-3, f"two tokens are nearly equal ({min(margins)}): choose another seed"
    assert len(set(tokens)) >= 6, f"{tokens} repeats itself: choose another seed"
    return {
        "messages": messages,
        "promptIds": prompt_ids,
        "tokens": tokens,
        "text": tokenizer.decode(tokens, skip_special_tokens=True),
        "smallestMargin": round(min(margins), 4),
    }


def tokenizer_expectations(tokenizer) -> dict:
    texts = []
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"]
        texts.append(
            {
                "text": text,
                "ids": ids,
                "idsWithoutSpecialTokens": tokenizer(text, add_special_tokens=False)["input_ids"],
                "decoded": tokenizer.decode(ids, skip_special_tokens=True),
            }
        )
    chats = []
    for name, messages in CHATS.items():
        for generation_prompt in (False, True):
            rendered = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=generation_prompt)
            ids = tokenizer.apply_chat_template(messages, add_generation_prompt=generation_prompt, return_dict=True)["input_ids"]
            assert ids == tokenizer(rendered, add_special_tokens=False)["input_ids"]
            chats.append(
                {"name": name, "messages": messages, "addGenerationPrompt": generation_prompt, "rendered": rendered, "ids": ids}
            )
    return {"texts": texts, "chats": chats}


def make_checkpoint(name: str, model_type, config, tokenizer, dtype: torch.dtype, seed: int, shard_size="1GB", template_file=False) -> None:
    folder = GOLDENS / "checkpoints" / name
    shutil.rmtree(folder, ignore_errors=True)
    model = model_type(config)
    randomise(model, seed)
    model.generation_config = GenerationConfig(
        bos_token_id=config.bos_token_id, eos_token_id=config.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.to(dtype).save_pretrained(folder, max_shard_size=shard_size)
    tokenizer.save_pretrained(folder, save_jinja_files=template_file)

    version_4 = version_4_config(folder)
    require_same_meaning(folder, version_4)
    write_json(folder / "config.version-4.json", version_4)

    model, tokenizer = load_model(folder), AutoTokenizer.from_pretrained(folder)
    tensors = expected_values(model, tokenizer, seed)
    write_tensors(folder / "expected.safetensors", tensors)
    write_json(
        folder / "expected.json",
        {"generation": greedy_continuation(model, tokenizer), **tokenizer_expectations(tokenizer)},
    )
    make_readable(folder)
    require_small_files(folder)
    print(f"{name}: {sum(path.stat().st_size for path in folder.iterdir())} bytes, logits std {tensors['logits'][0].std():.2f}")


def make_parameter_gradients(name: str, seed: int) -> None:
    """Cross-entropy and its gradient for every parameter; a tied embedding gets the sum of both its uses."""
    folder = GOLDENS / "checkpoints" / name
    model = load_model(folder)
    drawn = torch.randint(0, model.config.vocab_size, (2, 12), generator=seeded(seed))
    lengths = torch.tensor([12, 9])
    response_mask = torch.zeros_like(drawn)
    response_mask[0, 5:12] = 1
    response_mask[1, 4:9] = 1
    input_ids = torch.where(padding_mask(lengths, 12).bool(), drawn, 0)
    loss = cross_entropy(token_logits(model, input_ids, lengths), input_ids, response_mask)
    loss.backward()
    write_tensors(
        folder / "expected-gradients.safetensors",
        {
            "input_ids": input_ids,
            "lengths": lengths,
            "response_mask": response_mask,
            "cross_entropy": loss,
            **{f"gradient.{key}": parameter.grad for key, parameter in model.named_parameters()},
        },
    )
    make_readable(folder)
    require_small_files(folder)


if __name__ == "__main__":
    make_repeatable()
    qwen2, llama = qwen2_tokenizer(), llama_tokenizer()
    make_checkpoint(
        "qwen2-tied-bfloat16",
        Qwen2ForCausalLM,
        qwen2_config(qwen2, num_hidden_layers=3, tie_word_embeddings=True),
        qwen2,
        torch.bfloat16,
        seed=5,
    )
    make_checkpoint(
        "qwen2-untied-float32-sharded",
        Qwen2ForCausalLM,
        qwen2_config(qwen2, num_hidden_layers=2, tie_word_embeddings=False),
        qwen2,
        torch.float32,
        seed=2,
        shard_size="80KB",
        template_file=True,
    )
    make_checkpoint(
        "llama-untied-float32",
        LlamaForCausalLM,
        llama_config(llama, tie_word_embeddings=False),
        llama,
        torch.float32,
        seed=3,
    )
    make_checkpoint(
        "llama-tied-bfloat16-rope-scaled",
        LlamaForCausalLM,
        llama_config(
            llama,
            hidden_size=48,
            head_dim=16,  # 4 heads of 16 are wider than the 48 of the residual stream
            tie_word_embeddings=True,
            rope_theta=10_000.0,
            # With 8 frequencies of wavelength 6 to 20,000 all three branches of the llama3 rule are taken.
            rope_scaling={
                "rope_type": "llama3",
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        ),
        llama,
        torch.bfloat16,
        seed=4,
    )
    make_parameter_gradients("llama-tied-bfloat16-rope-scaled", seed=7)
    make_checkpoint(
        "llama-untied-float16",
        LlamaForCausalLM,
        llama_config(llama, num_key_value_heads=4, tie_word_embeddings=False),
        llama,
        torch.float16,
        seed=1,
        template_file=True,
    )
