"""Writing golden files: same inputs, same bytes, never half-written."""

import json
import os
from pathlib import Path

import torch
from safetensors.torch import save_file

# check_goldens.py sends them elsewhere to compare.
GOLDENS = Path(os.environ.get("SAFETUNE_GOLDENS", Path(__file__).parent / "goldens"))
LARGEST_FILE = 300_000  # bytes; goldens are committed, so they stay small


def write_text(path: Path, text: str) -> None:
    """Writes beside the target and renames, so that a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def write_json(path: Path, value) -> None:
    """JSON with one line for each innermost list or small object: diffs stay readable, token ids stay on a line."""
    write_text(path, _format(value, "") + "\n")


def _format(value, indent: str) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    holds_containers = isinstance(value, (list, dict)) and any(
        isinstance(item, (list, dict)) for item in (value.values() if isinstance(value, dict) else value)
    )
    if not isinstance(value, (list, dict)) or not value:
        return flat
    if len(indent) + len(flat) <= 110 or (isinstance(value, list) and not holds_containers):
        return flat
    deeper = indent + "  "
    if isinstance(value, dict):
        lines = [f"{deeper}{json.dumps(key)}: {_format(item, deeper)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + indent + "}"
    return "[\n" + ",\n".join(deeper + _format(item, deeper) for item in value) + "\n" + indent + "]"


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    save_file({name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}, temporary)
    temporary.chmod(0o644)  # the safetensors writer leaves it to its owner alone
    os.replace(temporary, path)


def require_small_files(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size > LARGEST_FILE:
            raise SystemExit(f"{path.relative_to(GOLDENS)} has {path.stat().st_size} bytes; at most {LARGEST_FILE} may be committed")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_repeatable() -> None:
    """One thread, so that sums are added in one order and a second run writes the same bytes."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def make_readable(folder: Path) -> None:
    """The safetensors writer of transformers and peft leaves files to their owner alone."""
    for path in folder.iterdir():
        path.chmod(0o644)
