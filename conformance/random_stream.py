"""The random numbers of packages/lora/src/adapter/random-stream.ts: xoroshiro128+ (Blackman and Vigna 2018) as pure-rand has it."""

import hashlib
import json
from collections.abc import Iterator

WORD = 0xFFFFFFFF


def uniforms(seed: int, label: object) -> Iterator[float]:
    """Uniform in [0, 1), multiples of 2^-53."""
    text = json.dumps([seed, label], separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).digest()
    high0, low0, high1, low1 = (int.from_bytes(digest[start : start + 4], "little") for start in (0, 4, 8, 12))

    def step() -> int:
        nonlocal high0, low0, high1, low1
        drawn = (low0 + low1) & WORD
        low, high = low1 ^ low0, high1 ^ high0
        low0, high0 = (
            (low0 << 24 ^ high0 >> 8 ^ low ^ low << 16) & WORD,
            (high0 << 24 ^ low0 >> 8 ^ high ^ (high << 16 | low >> 16)) & WORD,
        )
        low1, high1 = (high << 5 ^ low >> 27) & WORD, (low << 5 ^ high >> 27) & WORD
        return drawn

    while True:
        yield (step() & 0x3FFFFFF) * 2.0**-26 + (step() & 0x7FFFFFF) * 2.0**-53
