"""Runs an exported ONNX model in Python's onnxruntime, with an empty cache.

    python3 verify_onnx.py --model onnx/model.onnx --input-ids JSON

`--input-ids` is a list of token-id lists of equal length. Prints {"logits"} as nested lists. Needs the package onnxruntime.
"""

import argparse
import json
from pathlib import Path

import numpy
import onnxruntime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--input-ids", type=json.loads, required=True)
    arguments = parser.parse_args()
    ids = numpy.array(arguments.input_ids, dtype=numpy.int64)
    session = onnxruntime.InferenceSession(arguments.model, providers=["CPUExecutionProvider"])
    inputs = {
        "input_ids": ids,
        "attention_mask": numpy.ones_like(ids),
        "position_ids": numpy.broadcast_to(numpy.arange(ids.shape[1], dtype=numpy.int64), ids.shape),
    }
    for value in session.get_inputs():
        if value.name.startswith("past_key_values."):
            batch, heads, past, size = value.shape
            assert isinstance(batch, str) and isinstance(past, str), value.shape
            inputs[value.name] = numpy.zeros((ids.shape[0], heads, 0, size), dtype=numpy.float32)
    (logits,) = session.run(["logits"], inputs)
    print(json.dumps({"logits": logits.tolist()}))


if __name__ == "__main__":
    main()
