"""Near-duplicates: the same picture saved again smaller, compressed, cropped by a tenth, mirrored, brighter. Not: two photos of one place.

Two steps. Candidates: pictures that agree in their coarse structure (a weighted cosine transform of the whole against that of nine windows
of the other and of its mirror image). Then each candidate is laid on the other and their fine detail compared (data.align).
Measured in benchmarks/data_check.py.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landsight.photo.prepare import ImageU8
from landsight.studio.data.align import Array, likeness

#: Side of the grey pictures that are compared.
SIDE_PX = 64
#: From here on two pictures are the same. Planted crops of a tenth: 99 % lie above 0.87; two photos from one spot: below 0.84.
SAME = 0.85
#: Pictures with no longer side than this have too little detail to be told apart when nearly the same (MNIST's digits): only equal pixels count.
TINY_PX = 40
#: Above so many pictures the search by windows, which finds crops, would take minutes: wholes and mirror images alone are compared.
MANY = 20_000

#: Left, top and side of what is taken for a crop of the picture, in shares. A crop of a tenth lies within 1.7 % of one of the nine.
_WINDOWS = ((0.0, 0.0, 1.0), *((x, y, 0.9) for x in (0.0167, 0.05, 0.0833) for y in (0.0167, 0.05, 0.0833)))
_CELLS, _WAVES = 16, 8
#: Agreement of coarse structure that makes a candidate; unrelated photos have about 0 +- 0.2.
_CANDIDATE = 0.85
#: At most so many candidates a picture and window: a thousand black frames must not make a million pairs.
_MOST = 30
#: Contrast of coarse structure, in grey levels, below which a picture is even: nothing to compare.
_LEAST_CONTRAST = 2.0
_ROWS, _PAIRS = 512, 128


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """Pictures number ``a`` < ``b`` are the same: ``likeness`` 1 for equal pixels; ``is_mirrored``: one is the mirror image of the other."""

    a: int
    b: int
    likeness: float
    is_mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Print:
    """What is kept of a picture to compare it by. Shape: ``grey`` (64, 64) uint8, None for a tiny one; ``digest``: of its grey pixels."""

    grey: NDArray[np.uint8] | None
    digest: bytes


def print_of(image_hwc_u8: ImageU8, size_px: tuple[int, int] | None = None) -> Print:
    """The print of a picture (h, w, 3) uint8; ``size_px``: width and height of the original, if that was another. See TINY_PX."""
    image = Image.fromarray(image_hwc_u8).convert("L")
    shrinks = min(image.size) >= SIDE_PX
    grey = np.asarray(image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR))
    is_tiny = max(size_px or image_hwc_u8.shape[:2]) <= TINY_PX
    return Print(None if is_tiny else grey, hashlib.blake2b(grey.tobytes(), digest_size=16).digest())


def find(prints: Sequence[Print]) -> list[Pair]:
    """All pairs of the same picture, sorted. Equal pixels link each picture to the first of its kind alone.

    Cost: n^2 * 2,500 multiplications (twenty times fewer above MANY), and a millisecond a candidate.
    """
    first: dict[bytes, int] = {}
    equal = [Pair(first[p.digest], i, 1.0) for i, p in enumerate(prints) if first.setdefault(p.digest, i) != i]
    unique = [i for i in first.values() if prints[i].grey is not None]
    if len(unique) < 2:
        return sorted(equal)
    grey = np.stack([g for i in unique if (g := prints[i].grey) is not None])
    return sorted([*equal, *(Pair(unique[p.a], unique[p.b], p.likeness, p.is_mirrored) for p in _near(grey))])


def groups(n: int, links: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """Group number of each of ``n`` pictures: the lowest index among all that it is linked to, by whatever number of steps."""
    parent = np.arange(n, dtype=np.int64)
    for a, b in links:
        low, high = sorted((_root(parent, a), _root(parent, b)))
        parent[high] = low
    return np.array([_root(parent, i) for i in range(n)], np.int64)


def linked_by(keys: Iterable[int]) -> list[tuple[int, int]]:
    """Links between pictures with the same key; keys below 0 link nothing."""
    members: dict[int, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        if key >= 0:
            members[key].append(index)
    return [(same[0], other) for same in members.values() for other in same[1:]]


def _root(parent: NDArray[np.int64], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = int(parent[i])
    return i


def _near(grey: NDArray[np.uint8]) -> list[Pair]:
    """Pairs of (n, 64, 64) pictures that are the same, not sorted."""
    found: list[Pair] = []
    candidates = _candidates(grey)
    for start in range(0, len(candidates), _PAIRS):
        a, b, window, mirrored = candidates[start : start + _PAIRS].T
        left = grey[a].astype(np.float32)
        right = np.where(mirrored[:, None, None] > 0, grey[b][:, :, ::-1], grey[b]).astype(np.float32)
        x, y, side = np.array(_WINDOWS, np.float32)[window].T
        scores = likeness(left, right, np.stack([side, x, side, y], 1))
        for i, j, m, score in zip(a.tolist(), b.tolist(), mirrored.tolist(), scores.tolist(), strict=True):
            if score >= SAME:
                found.append(Pair(min(i, j), max(i, j), round(score, 4), bool(m)))
    return found


def _candidates(grey: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(m, 4): picture, other, window of the picture that the other looks like, is the other mirrored. A pair once, with its best window."""
    n = len(grey)
    targets = (_structure(grey, _WINDOWS[0]), _structure(grey[:, :, ::-1], _WINDOWS[0]))
    rows: list[NDArray[np.float64]] = []
    for window in range(len(_WINDOWS) if n <= MANY else 1):
        queries = _structure(grey, _WINDOWS[window])
        for mirrored, target in enumerate(targets):
            for start in range(0, n, _ROWS):
                a, b, score = _above(queries[start : start + _ROWS] @ target.T)
                a = a + start
                keep = a != b
                columns = (a[keep], b[keep], np.full(keep.sum(), window), np.full(keep.sum(), mirrored), score[keep])
                rows.append(np.stack(columns, 1).astype(np.float64))
    every = np.concatenate(rows)
    every = every[np.argsort(-every[:, 4], kind="stable")]
    _, best = np.unique(np.sort(every[:, :2], 1), axis=0, return_index=True)
    return every[np.sort(best), :4].astype(np.int64)


def _above(agreement: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Row, column and value of what is at least _CANDIDATE; of each row the best _MOST."""
    a, b = np.divmod(np.flatnonzero(agreement >= _CANDIDATE), agreement.shape[1])
    score = agreement[a, b]
    counts = np.bincount(a, minlength=1)
    if counts.max(initial=0) > _MOST:
        order = np.lexsort((b, -score, a))
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        kept = np.sort(order[np.arange(len(order)) - starts[a[order]] < _MOST])
        a, b, score = a[kept], b[kept], score[kept]
    return a, b, score


def _structure(grey: NDArray[np.uint8], window: tuple[float, float, float]) -> Array:
    """(n, 64) of length 1: the low waves of a window, each times its frequency, so that light and shade do not outweigh shape; 0 for an even one."""
    x, y, side = window
    by_row, by_column = _waves(y, side), _waves(x, side)
    weight = np.hypot(*np.mgrid[0:_WAVES, 0:_WAVES]).astype(np.float32)
    parts = [by_row @ grey[s : s + _ROWS].astype(np.float32) @ by_column.T * weight for s in range(0, len(grey), _ROWS)]
    flat = np.concatenate(parts).reshape(len(grey), -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length >= _LEAST_CONTRAST * _CELLS, flat / np.maximum(length, 1e-6), 0).astype(np.float32)


def _waves(start: float, size: float) -> Array:
    """(8, 64): mean of 16 equal cells of [start, start + size), then the first 8 cosines (orthonormal DCT-II) of these."""
    edges = (start + size * np.arange(_CELLS + 1) / _CELLS) * SIDE_PX
    pixel = np.arange(SIDE_PX)
    cover = np.clip(np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel), 0, None)
    wave, cell = np.mgrid[0:_WAVES, 0:_CELLS]
    cosines = np.cos(np.pi * wave * (cell + 0.5) / _CELLS) * np.sqrt(np.where(wave == 0, 1, 2) / _CELLS)
    matrix: Array = (cosines @ (cover / cover.sum(1, keepdims=True))).astype(np.float32)
    return matrix
