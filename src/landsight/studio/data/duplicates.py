"""Near-duplicates: a 64-bit difference hash a picture, Hamming distance, groups. Keeps a burst of one scene on one side of a split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landsight.photo.prepare import ImageU8

_BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)
#: Rows of the distance table made at once: 1024 x n bytes.
_ROWS = 1024


def difference_hash(image_hwc_u8: ImageU8) -> int:
    """64 bits: is each cell of an 8 x 8 grid darker than its right neighbour. Robust to size, compression and even changes of light.

    Source: N. Krawetz, "Kind of Like That" (2013), dHash.
    """
    grey = np.asarray(Image.fromarray(image_hwc_u8).convert("L").resize((9, 8), Image.Resampling.BILINEAR), np.int16)
    return int(_BITS[(grey[:, 1:] > grey[:, :-1]).ravel()].sum(dtype=np.uint64))


def groups(hashes: NDArray[np.uint64], distance: int) -> NDArray[np.int64]:
    """Group number a picture: the lowest index among all that it is linked to by steps of at most ``distance`` bits.

    Shape: hashes (n,) uint64; returns (n,) int64. ``distance`` below 0: every picture is its own group. Cost: O(n^2) in time, O(n) in memory.
    """
    parent = np.arange(len(hashes), dtype=np.int64)
    if distance < 0:
        return parent
    for start in range(0, len(hashes), _ROWS):
        block = hashes[start : start + _ROWS, None]
        near = np.bitwise_count(block ^ hashes[None, start:]) <= distance
        for row, column in np.argwhere(np.triu(near, k=1)):
            _join(parent, int(row) + start, int(column) + start)
    return np.array([_root(parent, i) for i in range(len(parent))], np.int64)


def _root(parent: NDArray[np.int64], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = int(parent[i])
    return i


def _join(parent: NDArray[np.int64], a: int, b: int) -> None:
    a, b = _root(parent, a), _root(parent, b)
    parent[max(a, b)] = min(a, b)
