"""Weights that a formula gives, so that a model of any family need not be committed: the tests have the same formula.

Entry i of the tensor called NAME is a number of [-1, 1), hashed from both (formula-weights.ts).
"""

import zlib

import numpy as np
import torch


def mixed(value: np.ndarray) -> np.ndarray:
    """The finalizer of MurmurHash3, on uint32."""
    value = value ^ (value >> np.uint32(16))
    value = value * np.uint32(0x85EBCA6B)
    value = value ^ (value >> np.uint32(13))
    value = value * np.uint32(0xC2B2AE35)
    return value ^ (value >> np.uint32(16))


def noise(name: str, shape) -> torch.Tensor:
    """Uniform in [-1, 1), float32."""
    count = int(np.prod(shape)) if len(shape) > 0 else 1
    seed = np.uint32(zlib.crc32(name.encode()))
    with np.errstate(over="ignore"):
        hashed = mixed(np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + seed)
    return torch.from_numpy((hashed.astype(np.float64) / 2**31 - 1).astype(np.float32)).reshape(tuple(shape))


def formula_weight(name: str, shape, salt: str = "") -> torch.Tensor:
    """Matrices of about unit gain, norms about 1 (about 0 where they are stored as differences from 1), biases that matter."""
    value = noise(name + salt, shape)
    if len(shape) == 2:
        return value * np.float32(1.7 / shape[1] ** 0.5)
    if name.endswith("norm.weight"):
        return 1 + 0.4 * value
    return 0.4 * value


def randomise(model: torch.nn.Module, salt: str, norms_around: float) -> None:
    for name, parameter in model.named_parameters():
        value = formula_weight(name, parameter.shape, salt)
        if name.endswith("norm.weight"):
            value = value + (norms_around - 1)
        with torch.no_grad():
            parameter.copy_(value)
