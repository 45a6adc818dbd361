"""A first look at labelled pictures: how many, of how many classes, how large, in colour or not. A sample is opened, by guarded workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landsight.errors import DataError
from landsight.photo.limits import Limits
from landsight.photo.prepare import Preparation
from landsight.runtime.stream import Pool
from landsight.studio.data.readers import open_reader
from landsight.studio.data.samples import Sample
from landsight.studio.random import generator
from landsight.studio.recipe import DataRecipe

#: Pictures that are opened. Their median size and mean colour are then known well enough to choose by.
_OPENED: Final = 128
_PX: Final = 64
#: Mean difference between colour channels, of 255, below which a picture counts as grey (JPEG leaves a little).
_GREY: Final = 2.0


@dataclass(frozen=True, slots=True)
class Survey:
    """``width_px``, ``height_px``: medians of the pictures opened; ``mean``, ``std``: of their pixels, per channel, in [0, 255].

    ``fewest``, ``most``: training pictures of a class. ``several``: pictures carry more than one label. ``parts``: what root has.
    """

    pictures: int
    labels: tuple[str, ...]
    fewest: int
    most: int
    several: bool
    width_px: int
    height_px: int
    grey: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    parts: tuple[str, ...]

    @property
    def side_px(self) -> int:
        """The longer side of a middling picture."""
        return max(self.width_px, self.height_px)


def survey(recipe: DataRecipe, seed: int = 0) -> Survey:
    """Raises: DataError when the folder holds no classes, or none of the pictures opened can be read."""
    reader = open_reader(recipe)
    train = reader.read("train")
    chosen = generator(seed, "survey").permutation(len(train))[:_OPENED]
    sizes, pixels = _opened([train.items[int(i)] for i in sorted(chosen)])
    if not sizes:
        raise DataError("no_pictures", f"None of {len(chosen)} files opened in {recipe.root} is a readable picture.", "Give pictures.")
    counts = train.counts()
    width, height = (int(np.median(side)) for side in zip(*sizes, strict=True))
    spread = np.abs(pixels[..., 0].astype(np.int16) - pixels[..., 2]).mean()
    mean, std = pixels.reshape(-1, 3).mean(0), pixels.reshape(-1, 3).std(0)
    return Survey(
        len(train), train.labels, min(counts), max(counts), any(isinstance(s.truth, tuple) for s in train.items),
        width, height, bool(spread < _GREY), _three(mean), _three(std.clip(1.0)), tuple(reader.splits()),
    )  # fmt: skip


def _opened(samples: list[Sample]) -> tuple[list[tuple[int, int]], NDArray[np.uint8]]:
    """Sizes, and all readable ones squashed to one size: (n, 64, 64, 3)."""
    with Pool(Preparation(_PX, _PX), limits=Limits.from_environment()) as pool:
        items = [item for item in pool.map(s.source() for s in samples) if item.prepared is not None and item.size_px is not None]
    return [item.size_px for item in items if item.size_px], np.stack([item.prepared for item in items if item.prepared is not None] or [
        np.zeros((_PX, _PX, 3), np.uint8)
    ])  # fmt: skip


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    r, g, b = (round(float(v), 2) for v in values)
    return r, g, b
