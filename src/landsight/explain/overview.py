"""A glance at every layer: its most active channels as small pictures, and the range of its numbers."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.explain.layer_trace import LayerTrace

#: Longest side of a small picture, and how many a layer has.
_SIDE, _CHANNELS = 28, 4
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Glance:
    """``low``, ``high``: the range of all numbers of the layer; ``zeros``: the share of them that is exactly 0. ``maps``: channel -> (h, w)
    in 0..255, from the layer's low to its high; none for a layer that makes no map."""

    number: int
    low: float
    high: float
    zeros: float
    maps: dict[int, NDArray[np.uint8]]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; pixels as base64, rows from the top."""
        maps = [
            {"channel": channel, "height": m.shape[0], "width": m.shape[1], "pixels": base64.b64encode(m.tobytes()).decode()}
            for channel, m in self.maps.items()
        ]
        return {"number": self.number, "low": self.low, "high": self.high, "zeros": self.zeros, "maps": maps}


def overview(trace: LayerTrace, image_chw: NDArray[np.float32]) -> list[Glance]:
    """Of every layer, on one picture. Shape: image_chw (c, h, w), normalised."""
    return glances(trace.tensors(image_chw, range(len(trace.layers))))


def glances(made: Mapping[int, NDArray[np.float32]]) -> list[Glance]:
    """Of layers whose numbers are there already (LayerTrace.tensors)."""
    return [_glance(number, array) for number, array in made.items()]


def _glance(number: int, array: NDArray[np.float32]) -> Glance:
    # A network that was spoilt in training makes what is no number; the rest of it is shown all the same.
    array = np.nan_to_num(array, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST)
    low, high = float(array.min()), float(array.max())
    zeros = 1 - np.count_nonzero(array) / array.size
    maps: dict[int, NDArray[np.uint8]] = {}
    if array.ndim == 3 and array.shape[1] * array.shape[2] > 1:
        # The picture keeps its order, red first; of layers those channels that differ most over the picture tell most.
        busiest = np.argsort(-array.std(axis=(1, 2), dtype=np.float64), kind="stable")[:_CHANNELS] if number else range(len(array))
        maps = {int(c): _small(array[c], low, high) for c in busiest}
    return Glance(number, low, high, float(zeros), maps)


def _small(grid: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    """Means of blocks, so that the longer side has at most ``_SIDE`` pixels."""
    step = -(-max(grid.shape) // _SIDE)
    rows, columns = (max(1, n // step) for n in grid.shape)
    blocks = grid[: rows * step, : columns * step] if step > 1 else grid
    means = blocks.reshape(rows, blocks.shape[0] // rows, columns, blocks.shape[1] // columns).mean((1, 3), dtype=np.float64)
    return np.asarray(np.clip((means.astype(np.float64) - low) / ((high - low) or 1.0) * 255, 0, 255), np.uint8)
