"""What llama.cpp's own Python package (gguf) makes of the small checkpoints and adapters.

goldens/gguf/container.gguf is a file that `GGUFWriter` wrote, with a value of every kind; values.safetensors has numbers and their
bytes in each type, by `gguf.quants`; expected.json says for each case the metadata and the tensors of a GGUF file, as llama.cpp's
convert_hf_to_gguf.py and convert_lora_to_gguf.py make them: names by gguf's `TensorNameMap`, special tokens by its `SpecialVocab`, the
rest as those scripts do (they are not in the package). Long values are given by their SHA-256.
"""

import hashlib
import json
import math
from pathlib import Path

import gguf
import numpy
import torch
from gguf.constants import GGMLQuantizationType, GGUFValueType
from safetensors.torch import load_file
from transformers import AutoTokenizer

from golden_files import GOLDENS, make_repeatable, require_small_files, seeded, write_json, write_tensors

FOLDER = GOLDENS / "gguf"
TYPES = {
    "f32": GGMLQuantizationType.F32,
    "f16": GGMLQuantizationType.F16,
    "bf16": GGMLQuantizationType.BF16,
    "q8_0": GGMLQuantizationType.Q8_0,
}
FILE_TYPES = {"f32": 0, "f16": 1, "bf16": 32, "q8_0": 7}
# llama.cpp's converter finds these by a hash of what the real tokenizers give for a test text.
PRE_TOKENIZERS = {"llama": "llama-bpe", "qwen2": "qwen2"}


def container() -> None:
    """A file with every kind of value that we write; the test writes the same."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(FOLDER / "container.gguf", "llama")
    writer.add_uint32("a.count", 7)
    writer.add_int32("a.negative", -7)
    writer.add_float32("a.real", 0.1)
    writer.add_bool("a.yes", True)
    writer.add_bool("a.no", False)
    writer.add_string("a.text", "Straße 你好 🙂\n")
    writer.add_array("a.texts", ["", "Ġthe", "▁ two"])
    writer.add_key_value("a.integers", [1, -2, 3], GGUFValueType.ARRAY, sub_type=GGUFValueType.INT32)
    writer.add_key_value("a.counts", [1, 2, 3], GGUFValueType.ARRAY, sub_type=GGUFValueType.UINT32)
    writer.add_key_value("a.reals", [0.5, -1.25], GGUFValueType.ARRAY, sub_type=GGUFValueType.FLOAT32)
    values = (numpy.arange(3 * 64, dtype=numpy.float32).reshape(3, 64) - 90) / numpy.float32(7)
    for name, kind in TYPES.items():
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.add_tensor("vector", values[0, :5].copy(), raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def values() -> None:
    """Numbers that are hard to round, in rows of 32: a block each."""
    random = torch.randn(40, 32, generator=seeded(5)) * torch.logspace(-12, 3, 40)[:, None]
    zeros = torch.zeros(1, 32)
    # Halves of the scale 1 (the largest is 127), which round away from zero, and their neighbours.
    halves = torch.cat([torch.arange(-15, 16) + 0.5, torch.tensor([127.0])])[None]
    beside = torch.nextafter(halves, torch.zeros(())) * torch.where(halves == 127, 127 / torch.nextafter(halves, torch.zeros(())), torch.ones(()))
    # Ties of float16: 1 + k 2^-11, and its subnormal numbers.
    ties = (1 + torch.arange(32) * 2.0**-11)[None]
    small = (torch.arange(32) * 2.0**-25)[None]
    signs = torch.where(torch.arange(32) % 2 == 0, 1.0, -1.0)[None] * 65504
    table = torch.cat([random, zeros, halves, beside, ties, small, signs]).float()
    encoded = {
        name: torch.from_numpy(gguf.quants.quantize(table.numpy(), kind).view(numpy.uint8).reshape(len(table), -1).copy())
        for name, kind in TYPES.items()
        if name != "f32"
    }
    write_tensors(FOLDER / "values.safetensors", {"values": table, **encoded})


def permuted(weights: torch.Tensor, heads: int) -> torch.Tensor:
    """LlamaModel.permute of convert_hf_to_gguf.py."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


class Names:
    """llama.cpp's names and orders of a checkpoint's tensors."""

    def __init__(self, config: dict):
        self.config = config
        self.architecture = {"llama": gguf.MODEL_ARCH.LLAMA, "qwen2": gguf.MODEL_ARCH.QWEN2}[config["model_type"]]
        self.map = gguf.get_tensor_name_map(self.architecture, config["num_hidden_layers"])

    def name(self, tensor: str) -> str:
        found = self.map.get_name(tensor, try_suffixes=(".weight", ".bias"))
        assert found is not None, tensor
        return found

    def order(self, tensor: str, values: torch.Tensor) -> torch.Tensor:
        if self.architecture != gguf.MODEL_ARCH.LLAMA:
            return values
        heads = {"q_proj": self.config["num_attention_heads"], "k_proj": self.config["num_key_value_heads"]}
        return permuted(values, heads[tensor.split(".")[-2]]) if tensor.split(".")[-2] in heads else values


def described(values: torch.Tensor, kind: str) -> dict:
    data = values.float().numpy()
    if data.ndim < 2:
        kind = "f32"
    elif kind == "q8_0" and data.shape[-1] % 32 != 0:
        kind = "f16"
    encoded = gguf.quants.quantize(data, TYPES[kind])
    return {"type": TYPES[kind].name, "shape": [*data.shape], "sha256": hashlib.sha256(encoded.tobytes()).hexdigest()}


def shortened(value):
    """Lists and long texts by a digest of their JSON."""
    if isinstance(value, (list, str)) and len(value) > 40:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return {"length": len(value), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    return value


def vocabulary(folder: Path, config: dict) -> dict:
    """`get_vocab_base` and `_set_vocab_gpt2` of the converter."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    known = {index: token for token, index in tokenizer.get_vocab().items()}
    added = tokenizer.get_added_vocab()
    tokens, types = [], []
    for index in range(config["vocab_size"]):
        token = known.get(index)
        if token is None:
            tokens.append(f"[PAD{index}]")
            types.append(gguf.TokenType.UNUSED)
        else:
            tokens.append(token)
            types.append(gguf.TokenType.CONTROL if token in added else gguf.TokenType.NORMAL)
    special = gguf.SpecialVocab(folder, load_merges=True, n_vocab=len(tokens))
    names = {"bos": "bos", "eos": "eos", "pad": "padding", "unk": "unknown"}
    ids = {f"tokenizer.ggml.{names[role]}_token_id": index for role, index in special.special_token_ids.items() if role in names}
    wrapped = tokenizer("")["input_ids"]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": PRE_TOKENIZERS[config["model_type"]],
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [int(kind) for kind in types],
        "tokenizer.ggml.merges": special.merges,
        **ids,
        "tokenizer.ggml.add_bos_token": wrapped[:1] == [tokenizer.bos_token_id],
        "tokenizer.ggml.add_eos_token": wrapped[-1:] == [tokenizer.eos_token_id],
        "tokenizer.chat_template": tokenizer.chat_template,
    }


def parameters(config: dict) -> dict:
    name = config["model_type"]
    rope = config["rope_parameters"]
    head = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    entries = {
        "vocab_size": config["vocab_size"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "block_count": config["num_hidden_layers"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": config["num_attention_heads"],
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.key_length": head,
        "attention.value_length": head,
        "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "rope.dimension_count": head,
        "rope.freq_base": rope["rope_theta"],
    }
    return {f"{name}.{key}": value for key, value in entries.items()}


def rope_factors(config: dict) -> torch.Tensor | None:
    """`generate_extra_tensors` of the converter."""
    rope = config["rope_parameters"]
    if rope["rope_type"] != "llama3":
        return None
    head = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    frequencies = 1.0 / (rope["rope_theta"] ** (torch.arange(0, head, 2, dtype=torch.float32) / head))
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    original = rope["original_max_position_embeddings"]
    factors = []
    for frequency in frequencies.tolist():
        wavelength = 2 * math.pi / frequency
        if wavelength < original / high:
            factors.append(1.0)
        elif wavelength > original / low:
            factors.append(rope["factor"])
        else:
            smooth = (original / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return torch.tensor(factors)


def model(checkpoint: str, kind: str) -> dict:
    folder = GOLDENS / "checkpoints" / checkpoint
    config = json.loads((folder / "config.json").read_text())
    names = Names(config)
    stored = {name: tensor for file in sorted(folder.glob("model*.safetensors")) for name, tensor in load_file(file).items()}
    metadata = {
        "general.architecture": config["model_type"],
        "general.type": "model",
        "general.name": checkpoint,
        "general.file_type": FILE_TYPES[kind],
        "general.quantization_version": 2,
        **parameters(config),
        **vocabulary(folder, config),
    }
    factors = rope_factors(config)
    return {
        "checkpoint": checkpoint,
        "type": kind,
        "metadata": {key: shortened(value) for key, value in metadata.items()},
        "tensors": {names.name(name): described(names.order(name, tensor), kind) for name, tensor in stored.items()},
        **({} if factors is None else {"ropeFactors": factors.tolist()}),
    }


def adapter(name: str, kind: str) -> dict:
    folder = GOLDENS / "adapters" / name
    checkpoint = json.loads((folder / "expected.json").read_text())["checkpoint"]
    base = json.loads((GOLDENS / "checkpoints" / checkpoint / "config.json").read_text())
    config = json.loads((folder / "adapter_config.json").read_text())
    names = Names(base)
    tensors = {}
    for key, tensor in load_file(folder / "adapter_model.safetensors").items():
        module, factor = key.removeprefix("base_model.model.").removesuffix(".weight").rsplit(".", 1)
        values = names.order(f"{module}.weight", tensor) if factor == "lora_B" else tensor
        tensors[f"{names.name(f'{module}.weight')}.{factor.lower()}"] = described(values, kind)
    # The converter writes lora_alpha as it is; llama.cpp divides it by the rank, rsLoRA by the root of that.
    alpha = config["lora_alpha"] * (math.sqrt(config["r"]) if config["use_rslora"] else 1)
    metadata = {
        "general.architecture": base["model_type"],
        "general.type": "adapter",
        "adapter.type": "lora",
        "general.name": name,
        "adapter.lora.alpha": alpha,
        "general.quantization_version": 2,
    }
    return {"adapter": name, "checkpoint": checkpoint, "type": kind, "metadata": metadata, "tensors": tensors}


if __name__ == "__main__":
    make_repeatable()
    container()
    values()
    models = [
        model("llama-untied-float32", "f16"),
        model("llama-tied-bfloat16-rope-scaled", "q8_0"),
        model("qwen2-tied-bfloat16", "q8_0"),
        model("qwen2-untied-float32-sharded", "bf16"),
    ]
    adapters = [adapter("qwen2-rslora-all-projections", "f32"), adapter("llama-lora-query-value", "f16")]
    write_json(FOLDER / "expected.json", {"models": models, "adapters": adapters})
    require_small_files(FOLDER)
    print(json.dumps({"models": len(models), "adapters": len(adapters)}))
