"""Makes the fixtures beside it with the reference implementation: python3 make.py (torch, safetensors)."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

here = Path(__file__).parent

dtypes = {
    "float32": torch.tensor([[1.5, -0.0, 3.4028234663852886e38], [1e-45, float("inf"), float("-inf")]]),
    "float16": torch.tensor([1.0, -2.5, 65504.0, 6e-8, 0.333251953125], dtype=torch.float16),
    "bfloat16": torch.tensor([[1.0, -2.5], [3.3895313892515355e38, 0.3330078125]], dtype=torch.bfloat16),
    "float64": torch.tensor([0.1, -1e300], dtype=torch.float64),
    "int8": torch.tensor([-128, 127, 3], dtype=torch.int8),
    "uint8": torch.tensor([0, 255], dtype=torch.uint8),
    "int16": torch.tensor([-32768, 32767], dtype=torch.int16),
    "int32": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
    "int64": torch.tensor([-(2**63), 2**63 - 1, 2**53 + 1], dtype=torch.int64),
    "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(7.25),
    "empty": torch.zeros(0, 3),
    "größe.\"权重\"": torch.tensor([2.0]),
}
save_file(dtypes, here / "dtypes.safetensors", metadata={"format": "pt"})
expected = {
    name: {"shape": list(value.shape), "values": [str(item) for item in value.flatten().tolist()]}
    for name, value in dtypes.items()
}
lines = [f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(value)}" for name, value in expected.items()]
(here / "dtypes.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")

save_file(
    {"scale": torch.tensor([0.5]), "quantised": torch.tensor([1.0, 2.0]).to(torch.float8_e4m3fn)},
    here / "float8.safetensors",
)

shards = {
    "model-00001-of-00002.safetensors": {
        "embed.weight": torch.arange(6, dtype=torch.bfloat16).reshape(3, 2),
        "norm.weight": torch.ones(2),
    },
    "model-00002-of-00002.safetensors": {"head.weight": torch.tensor([[0.25, -0.5]], dtype=torch.float16)},
}
(here / "sharded").mkdir(exist_ok=True)
for file, tensors in shards.items():
    save_file(tensors, here / "sharded" / file, metadata={"format": "pt"})
total = sum(value.nbytes for tensors in shards.values() for value in tensors.values())
weight_map = {name: file for file, tensors in shards.items() for name in tensors}
index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
(here / "sharded" / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
