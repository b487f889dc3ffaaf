"""GGUF files of the golden checkpoints, what gguf-py makes of blocks of each type, and ids of a SentencePiece vocabulary.

goldens/gguf-models/ holds NAME.TYPE.gguf of golden checkpoints, whose expected values are theirs, one of them in parts too;
blocks.safetensors (`<type>.bytes`, `<type>.values`); sentence-piece.gguf, a model without blocks, with sentence-piece.json
(texts, their ids and what they decode to). Run make_checkpoints.py first.
"""

import io
import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
import torch

from gguf_files import write_gguf
from golden_files import GOLDENS, require_small_files, write_json, write_tensors
from make_checkpoints import TEXTS

FOLDER = GOLDENS / "gguf-models"
CHECKPOINTS = [
    ("llama-untied-float16", "f16", "llama-bpe"),
    ("llama-tied-bfloat16-rope-scaled", "bf16", "llama-bpe"),
    ("qwen2-tied-bfloat16", "bf16", "qwen2"),
]
# One of them in several files as well, of so many tensors each.
IN_PARTS = ("qwen2-tied-bfloat16", "bf16", "qwen2", 12)
# Blocks, bytes of a block, and where in it lie float16 scales.
BLOCKS = {
    "Q4_0": (24, 18, [0]),
    "Q4_1": (24, 20, [0, 2]),
    "Q5_0": (24, 22, [0]),
    "Q5_1": (24, 24, [0, 2]),
    "Q8_0": (24, 34, [0]),
    "Q4_K": (4, 144, [0, 2]),
    "Q5_K": (4, 176, [0, 2]),
    "Q6_K": (4, 210, [208]),
    "Q2_K": (4, 84, [80, 82]),
    "Q3_K": (4, 110, [108]),
}


def make_parts() -> None:
    name, kind, pre, most_tensors = IN_PARTS
    write_gguf(GOLDENS / "checkpoints" / name, FOLDER / f"{name}.{kind}.gguf", kind, pre, most_tensors)


def make_blocks() -> None:
    """Random bytes; scales of all sizes, subnormal ones among them, but finite."""
    random = np.random.default_rng(7)
    tensors = {}
    for name, (count, length, scales) in BLOCKS.items():
        data = random.integers(0, 256, (count, length), dtype=np.uint8)
        for place in scales:
            patterns = random.integers(0, 0x7C00, count, dtype=np.uint16) | (random.integers(0, 2, count, dtype=np.uint16) << 15)
            patterns[:3] = [0x0000, 0x8001, 0x7BFF]
            data[:, place : place + 2] = patterns[:, None].view(np.uint8)
        values = gguf.quants.dequantize(data, gguf.GGMLQuantizationType[name])
        assert np.isfinite(values).all()
        tensors[f"{name}.bytes"] = torch.from_numpy(data)
        tensors[f"{name}.values"] = torch.from_numpy(values)
    write_tensors(FOLDER / "blocks.safetensors", tensors)


def make_sentence_piece() -> None:
    """A BPE with byte fallback as Llama 2's, trained by sentencepiece itself."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(Path(__file__).with_name("corpus.txt").read_text(encoding="utf-8").splitlines()),
        model_writer=model,
        model_type="bpe",
        vocab_size=600,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        user_defined_symbols=["<think>", "</think>"],
        control_symbols=["<|end|>"],
        num_threads=1,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    size = processor.get_piece_size()
    kinds = []
    for index in range(size):
        if processor.is_unknown(index):
            kinds.append(gguf.TokenType.UNKNOWN)
        elif processor.is_control(index):
            kinds.append(gguf.TokenType.CONTROL)
        elif processor.is_byte(index):
            kinds.append(gguf.TokenType.BYTE)
        elif processor.id_to_piece(index) in ("<think>", "</think>"):
            kinds.append(gguf.TokenType.USER_DEFINED)
        else:
            kinds.append(gguf.TokenType.NORMAL)
    writer = gguf.GGUFWriter(FOLDER / "sentence-piece.gguf", "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(8)
    writer.add_head_count(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([processor.id_to_piece(index) for index in range(size)])
    writer.add_token_scores([processor.get_score(index) for index in range(size)])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(processor.bos_id())
    writer.add_eos_token_id(processor.eos_id())
    writer.add_unk_token_id(processor.unk_id())
    writer.add_tensor("token_embd.weight", np.zeros((size, 8), dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    answers = []
    # Control symbols in the text are text to sentencepiece alone; where texts begin differs after added tokens.
    for text in (text for text in TEXTS if "<|" not in text):
        ids = processor.encode(text)
        answers.append({"text": text, "ids": ids, "decoded": processor.decode(ids)})
    write_json(FOLDER / "sentence-piece.json", answers)


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for name, kind, pre in CHECKPOINTS:
        write_gguf(GOLDENS / "checkpoints" / name, FOLDER / f"{name}.{kind}.gguf", kind, pre)
    make_parts()
    make_blocks()
    make_sentence_piece()
    require_small_files(FOLDER)
    print(json.dumps({"files": len(list(FOLDER.iterdir()))}))


if __name__ == "__main__":
    main()
