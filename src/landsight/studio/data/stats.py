"""What a data set is like, in numbers: mean and deviation of each channel, sizes, formats, pictures of each part and class."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from landsight.studio.data.inspect import read_all
from landsight.studio.data.survey import Progress, Seen, survey
from landsight.studio.recipe import DataRecipe


@dataclass(frozen=True, slots=True)
class Stats:
    """``mean``, ``std``: RGB, 0 to 255, of all pixels of the training pictures at ``side_px`` squared, as input.mean and input.std are.

    ``sizes``: for width, height and bytes the least, the quartiles and the most. ``counts``: part -> class -> readable pictures.
    """

    side_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sizes: dict[str, tuple[float, ...]]
    formats: dict[str, int]
    counts: dict[str, dict[str, int]]
    unreadable: int
    refused: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "side_px": self.side_px, "mean": list(self.mean), "std": list(self.std), "sizes": {k: list(v) for k, v in self.sizes.items()},
            "formats": self.formats, "counts": self.counts, "unreadable": self.unreadable, "refused": self.refused,
        }  # fmt: skip


def stats(recipe: DataRecipe, *, side_px: int = 224, progress: Progress | None = None) -> Stats:
    """Measure all parts; mean and deviation are those of the training part alone. Raises: DataError."""
    parts, refused = read_all(recipe)
    found = survey(parts, side_px=side_px, progress=progress)
    good = [s for s in found.seen if s.error is None]
    train = [s for s in good if s.part == "train"]
    mean, std = _mean_and_std(train)
    counts = {part: dict.fromkeys(found.labels, 0) for part in parts}
    for seen in good:
        for index in seen.sample.label_indices:
            counts[seen.part][found.labels[index]] += 1
    formats = dict(Counter(s.format or "unknown" for s in good).most_common())
    return Stats(side_px, mean, std, _sizes(good), formats, counts, len(found.seen) - len(good), refused)


def _mean_and_std(train: list[Seen]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Every picture weighs the same, so these are the moments of all pixels at one size: var = E[x^2] - E[x]^2."""
    if not train:
        return (), ()
    mean = np.mean([s.mean for s in train], axis=0)
    variance = np.mean([s.square for s in train], axis=0) - mean**2
    return tuple(round(float(v), 2) for v in mean), tuple(round(float(v) ** 0.5, 2) for v in np.maximum(variance, 0))


def _sizes(good: list[Seen]) -> dict[str, tuple[float, ...]]:
    if not good:
        return {}
    columns = {"width": [s.size_px[0] for s in good], "height": [s.size_px[1] for s in good], "bytes": [s.file_bytes for s in good]}
    return {name: tuple(float(v) for v in np.percentile(values, [0, 25, 50, 75, 100]).round()) for name, values in columns.items()}
