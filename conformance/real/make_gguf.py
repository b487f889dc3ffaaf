"""Writes the weights of a checkpoint of `make_checkpoints.py` as a GGUF file in F16.

    python3 conformance/real/make_gguf.py NAME OUT.gguf

Metadata and tokenizer are those of the GGUF file that the checkpoint came from, which is fetched again. Its matrices, dequantised,
are rounded to bfloat16 as in the folder, and then stored in float16; vectors stay float32. So both hold the same weights, but for
those too small for float16 (below 6e-8).
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize

from make_checkpoints import SOURCES, fetch_gguf


def rounded(values: np.ndarray, offset: float) -> np.ndarray:
    """As the folder has it. Gemma's norms are stored with 1 added, which the folder's are not."""
    tensor = torch.from_numpy(np.ascontiguousarray(values)) - offset
    return (tensor.to(torch.bfloat16).float() + offset).numpy()


def main() -> None:
    name, out = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as work:
        reader = GGUFReader(fetch_gguf(SOURCES[name], Path(work)))
        architecture = reader.fields["general.architecture"].contents()
        partial = out.with_name(out.name + ".partial")
        writer = GGUFWriter(partial, architecture)
        for field in reader.fields.values():
            if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type", "general.quantization_version"):
                continue
            kind = field.types[0]
            writer.add_key_value(field.name, field.contents(), kind, field.types[-1] if kind == GGUFValueType.ARRAY else None)
        writer.add_file_type(1)
        for tensor in reader.tensors:
            values = dequantize(tensor.data, tensor.tensor_type).reshape(tuple(reversed(tensor.shape.tolist())))
            is_norm = values.ndim == 1
            values = rounded(values, 1.0 if is_norm and architecture.startswith("gemma") else 0.0)
            kind = GGMLQuantizationType.F32 if is_norm else GGMLQuantizationType.F16
            writer.add_tensor(tensor.name, values if is_norm else values.astype(np.float16), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        os.replace(partial, out)
    print(json.dumps({"out": str(out)}))


if __name__ == "__main__":
    main()
