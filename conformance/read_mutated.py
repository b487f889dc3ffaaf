"""What the reference implementations read in damaged files: safetensors' own reader, and gguf-py's.

    python3 read_mutated.py safetensors|gguf < LINES

Every line of stdin is a file in base64; its answer is a line of JSON: {"tensors": [[name, type, shape, offset, bytes]], "metadata"}, or
{"error"}. Offsets of safetensors count from the end of the header and are not known here: null; the data's SHA-256 stands beside.
"""

import base64
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import safetensors


def read_safetensors(data: bytes) -> dict:
    tensors = [
        [name, view["dtype"], view["shape"], None, hashlib.sha256(view["data"]).hexdigest()]
        for name, view in safetensors.deserialize(data)
    ]
    return {"tensors": sorted(tensors)}


def plain(value):
    if isinstance(value, (list, np.ndarray)):
        return [plain(element) for element in value]
    value = value.item() if isinstance(value, np.generic) else value
    # JavaScript has no integers beyond 2^53, and JSON no infinities.
    return str(value) if isinstance(value, int) and abs(value) >= 2**53 or isinstance(value, float) and not np.isfinite(value) else value


def read_gguf(data: bytes, folder: Path) -> dict:
    path = folder / "file.gguf"
    path.write_bytes(data)
    reader = gguf.GGUFReader(path)
    tensors = [
        [tensor.name, tensor.tensor_type.name, [int(extent) for extent in reversed(tensor.shape)], int(tensor.data_offset), int(tensor.n_bytes)]
        for tensor in reader.tensors
    ]
    metadata = {name: plain(field.contents()) for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    return {"tensors": tensors, "metadata": metadata}


def main() -> None:
    kind = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            data = base64.b64decode(line)
            try:
                answer = read_safetensors(data) if kind == "safetensors" else read_gguf(data, Path(folder))
            except Exception as error:  # noqa: BLE001 - whatever it is, the file was not read
                answer = {"error": f"{type(error).__name__}: {error}"[:200]}
            print(json.dumps(answer))


if __name__ == "__main__":
    main()
