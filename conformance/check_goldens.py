"""Makes every golden again in a temporary folder and compares it with the committed one.

    python3 check_goldens.py

Values must agree to 1e-4 (other versions of torch add up in another order); names, shapes, ids and texts exactly.
Prints one line of JSON: how many values were compared and the largest difference.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from safetensors.torch import load_file

from golden_files import GOLDENS
from reference import report

TOLERANCE = 1e-4
SCRIPTS = [
    "make_operations.py",
    "make_checkpoints.py",
    "make_families.py",
    "make_adapters.py",
    "make_lora_options.py",
    "make_combinations.py",
    "make_regularizers.py",
    "make_task_loss.py",
    "make_weight_edits.py",
    "make_gradient_methods.py",
    "make_safe_lora.py",
    "make_parameter_penalties.py",
    "make_frozen_parts.py",
    "make_answers.py",
    "make_fisher.py",
    "make_sentinel.py",
    "make_weighted_loss.py",
    "make_dpo.py",
    "make_training.py",
    "make_gguf.py",
    "make_gguf_models.py",
    "make_dataset_splits.py",
    "make_evaluation.py",
    "make_caft.py",
    "make_data_defenses.py",
]


def numbers_and_rest(value, path=""):
    """Flattens JSON into {path: leaf}, so that numbers can be compared with a tolerance."""
    if isinstance(value, dict):
        return {key: leaf for name, item in value.items() for key, leaf in numbers_and_rest(item, f"{path}.{name}").items()}
    if isinstance(value, list):
        return {key: leaf for index, item in enumerate(value) for key, leaf in numbers_and_rest(item, f"{path}[{index}]").items()}
    return {path: value}


def leaves(path: Path) -> dict:
    if path.suffix == ".safetensors":
        return load_file(path)
    return numbers_and_rest(json.loads(path.read_text(encoding="utf-8")))


def difference(committed, made) -> float:
    if hasattr(committed, "shape"):
        if committed.shape != made.shape or committed.dtype != made.dtype:
            return float("inf")
        return (committed.double() - made.double()).abs().max().item() if committed.numel() else 0.0
    if isinstance(committed, float) and isinstance(made, float):
        return abs(committed - made)
    return 0.0 if committed == made else float("inf")


def main() -> None:
    compared, largest, where = 0, 0.0, None
    with tempfile.TemporaryDirectory() as temporary:
        for script in SCRIPTS:
            subprocess.run(
                [sys.executable, Path(__file__).with_name(script)],
                env={**os.environ, "SAFETUNE_GOLDENS": temporary},
                stdout=sys.stderr,
                check=True,
            )
        compared_files = [*GOLDENS.rglob("*.safetensors"), *GOLDENS.rglob("expected.json"), GOLDENS / "operations.json", GOLDENS / "regularizers.json", GOLDENS / "task-loss.json", GOLDENS / "evaluation.json", GOLDENS / "data-defenses.json"]
        for path in sorted(compared_files):
            name = path.relative_to(GOLDENS)
            committed, made = leaves(path), leaves(temporary / name)
            if committed.keys() != made.keys():
                raise SystemExit(f"{name} holds other names: {sorted(committed.keys() ^ made.keys())[:10]}")
            for key, value in committed.items():
                compared += 1
                distance = difference(value, made[key])
                if distance > TOLERANCE:
                    raise SystemExit(f"{name}: {key} differs by {distance}")
                if distance > largest:
                    largest, where = distance, f"{name}: {key}"
    report({"files": len(compared_files), "compared": compared, "largestDifference": largest, "where": where})


if __name__ == "__main__":
    main()
