"""Hugging Face folders as GGUF files, written with gguf-py as llama.cpp's convert_hf_to_gguf.py writes them.

    python3 gguf_files.py --model DIR --type f32|f16|bf16|q8_0|... --pre NAME --out FILE.gguf

Llama and Qwen 2, byte-level tokenizers; `--pre` is llama.cpp's name of the tokenizer. Prints {"tensors"}.
"""

import argparse
import json
import math
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import load_file

TYPES = {name: gguf.GGMLQuantizationType[name.upper()] for name in ("f32", "f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0")}
INTERLEAVED = {"llama"}
NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def read_json(folder: Path, name: str) -> dict:
    path = folder / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def gguf_name(name: str) -> str:
    top = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
    if name in top:
        return top[name]
    _, _, layer, rest = name.split(".", 3)
    module, part = rest.rsplit(".", 1)
    return f"blk.{layer}.{NAMES[module]}.{part}"


def interleaved(weights: torch.Tensor, heads: int) -> torch.Tensor:
    """LlamaModel.permute of convert_hf_to_gguf.py."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def llama3_factors(rope: dict, head_dim: int) -> np.ndarray:
    """What LlamaModel.generate_extra_tensors writes as rope_freqs.weight."""
    old, low, high, factor = (
        rope[key] for key in ("original_max_position_embeddings", "low_freq_factor", "high_freq_factor", "factor")
    )
    factors = []
    for frequency in 1.0 / (rope["rope_theta"] ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)):
        wavelength = 2 * math.pi / frequency
        if wavelength < old / high:
            factors.append(1)
        elif wavelength > old / low:
            factors.append(factor)
        else:
            smooth = (old / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, dtype=np.float32)


def add_config(writer: gguf.GGUFWriter, config: dict) -> None:
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    rope = config["rope_parameters"]
    writer.add_type("model")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    if head_dim * heads != config["hidden_size"]:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(head_dim)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    if rope["rope_type"] == "llama3":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    elif rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])


def add_tokenizer(writer: gguf.GGUFWriter, folder: Path, pre: str, rows: int) -> None:
    tokenizer = read_json(folder, "tokenizer.json")
    settings = read_json(folder, "tokenizer_config.json")
    added = {token["content"]: token for token in tokenizer["added_tokens"]}
    ids = {**tokenizer["model"]["vocab"], **{content: token["id"] for content, token in added.items()}}
    texts = {index: text for text, index in ids.items()}
    tokens, kinds = [], []
    for index in range(rows):
        text = texts.get(index, f"[PAD{index}]")
        tokens.append(text)
        if index not in texts:
            kinds.append(gguf.TokenType.UNUSED)
        elif text in added:
            kinds.append(gguf.TokenType.CONTROL if added[text]["special"] else gguf.TokenType.USER_DEFINED)
        else:
            kinds.append(gguf.TokenType.NORMAL)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]])
    text_of = lambda value: value["content"] if isinstance(value, dict) else value
    config = read_json(folder, "config.json")
    for role, add in (
        ("bos_token", writer.add_bos_token_id),
        ("eos_token", writer.add_eos_token_id),
        ("unk_token", writer.add_unk_token_id),
        ("pad_token", writer.add_pad_token_id),
    ):
        # As gguf.SpecialVocab: the tokenizer's own word first.
        if settings.get(role) is not None:
            add(ids[text_of(settings[role])])
        elif isinstance(config.get(f"{role}_id"), int):
            add(config[f"{role}_id"])
    writer.add_add_bos_token(bool(settings.get("add_bos_token", False)))
    template = folder / "chat_template.jinja"
    text = template.read_text(encoding="utf-8") if template.exists() else settings.get("chat_template")
    if text is not None:
        writer.add_chat_template(text)


def add_weights(writer: gguf.GGUFWriter, folder: Path, config: dict, kind: gguf.GGMLQuantizationType) -> int:
    weights = {name: tensor for file in sorted(folder.glob("model*.safetensors")) for name, tensor in load_file(file).items()}
    rope = config["rope_parameters"]
    if rope["rope_type"] == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(rope, config["head_dim"]))
    for name, tensor in weights.items():
        if config["tie_word_embeddings"] and name == "lm_head.weight":
            continue
        tensor = tensor.float()
        if config["model_type"] in INTERLEAVED and ".q_proj." in name:
            tensor = interleaved(tensor, config["num_attention_heads"])
        if config["model_type"] in INTERLEAVED and ".k_proj." in name:
            tensor = interleaved(tensor, config["num_key_value_heads"])
        own = kind if tensor.dim() == 2 else gguf.GGMLQuantizationType.F32
        values = tensor.contiguous().numpy()
        # gguf-py knows a type of NumPy's for these two.
        if own in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16):
            writer.add_tensor(gguf_name(name), values.astype(np.float32 if own == gguf.GGMLQuantizationType.F32 else np.float16))
        else:
            writer.add_tensor(gguf_name(name), gguf.quants.quantize(values, own), raw_dtype=own)
    return len(weights)


def write_gguf(folder: Path, out: Path, kind: str, pre: str, most_tensors: int = 0) -> int:
    """With `most_tensors` in several files of so many each, called as gguf-split does."""
    config = read_json(folder, "config.json")
    config.setdefault("head_dim", config["hidden_size"] // config["num_attention_heads"])
    writer = gguf.GGUFWriter(out, config["model_type"], split_max_tensors=most_tensors)
    add_config(writer, config)
    add_tokenizer(writer, folder, pre, config["vocab_size"])
    tensors = add_weights(writer, folder, config, TYPES[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--type", choices=TYPES, required=True)
    parser.add_argument("--pre", required=True)
    arguments = parser.parse_args()
    print(json.dumps({"tensors": write_gguf(arguments.model, arguments.out, arguments.type, arguments.pre)}))


if __name__ == "__main__":
    main()
