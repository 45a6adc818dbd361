"""Randomness is addressed, not streamed: every draw comes from a key (seed, purpose, epoch, item), never from what was drawn before."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1


def number_of(text: str) -> int:
    """A stable 63-bit number of a text, the same on every machine and in every process (Python's own hash is not)."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little") >> 1


def generator(seed: int, purpose: str, epoch: int = 0, item: int = 0) -> np.random.Generator:
    """A generator for one address. Philox is counter-based: key = (seed, purpose), counter = (0, 0, epoch, item); 2^128 draws lie between addresses."""
    counter = np.array([0, 0, epoch & _MASK, item & _MASK], np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=_key(seed, purpose)))


@lru_cache(maxsize=64)
def _key(seed: int, purpose: str) -> NDArray[np.uint64]:
    """One key serves all pictures of a run; Philox copies it."""
    return np.array([seed & _MASK, number_of(purpose)], np.uint64)


def torch_seed(seed: int, purpose: str, epoch: int = 0, item: int = 0) -> int:
    """A seed for torch.manual_seed, from the same address."""
    return number_of(f"{seed}/{purpose}/{epoch}/{item}")
