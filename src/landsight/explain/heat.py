"""Maps of any method brought to one scale, and laid back onto the photo that the prepared picture was made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Map = NDArray[np.float32]


def positive(signed: NDArray[Any]) -> Map:
    """What speaks for it, in [0, 1], the strongest pixel 1; all 0 where nothing does, or the map holds what is no number."""
    kept = np.asarray(signed, np.float32).clip(0)
    highest = float(kept.max(initial=0.0))
    if not np.isfinite(highest) or highest <= 0:
        return np.zeros(kept.shape, np.float32)
    return (kept / highest).astype(np.float32)


def enlarged(grid: NDArray[Any], height: int, width: int) -> Map:
    """Shape: (h, w) -> (height, width), bilinear between the middles of the cells; shrunk, if that is what it takes, without aliasing."""
    return np.asarray(Image.fromarray(np.asarray(grid, np.float32)).resize((width, height), Image.Resampling.BILINEAR), np.float32)


def on_photo(grid: NDArray[Any], box: tuple[float, float, float, float], width: int, height: int) -> Map:
    """Shape: (h, w) over the prepared picture -> (height, width) over the upright photo, in any size; NaN where the network did not look.

    ``box``: which part of the photo the prepared picture holds, from photo.prepare.seen_part.
    """
    left, top, right, bottom = box
    rows, columns = grid.shape
    # Middles of the photo's pixels in cells of the map; -0.5 is the left or upper edge of the first cell.
    x = ((np.arange(width) + 0.5) / width - left) / (right - left) * columns - 0.5
    y = ((np.arange(height) + 0.5) / height - top) / (bottom - top) * rows - 0.5
    spread: Map = (_between(rows, y) @ np.asarray(grid, np.float64) @ _between(columns, x).T).astype(np.float32)
    spread[(y < -0.5) | (y > rows - 0.5)] = np.nan
    spread[:, (x < -0.5) | (x > columns - 0.5)] = np.nan
    return spread


def _between(cells: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """(places, cells) weights of linear interpolation; beyond the middle of the first and the last cell, that cell alone."""
    inside = places.clip(0, cells - 1)
    first = np.floor(inside).astype(np.int64).clip(0, max(0, cells - 2))
    weights = np.zeros((len(places), cells))
    row = np.arange(len(places))
    weights[row, first] = 1 - (inside - first)
    weights[row, np.minimum(first + 1, cells - 1)] += inside - first
    return weights
