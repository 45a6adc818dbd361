"""Pictures whose class is a small square of one colour, somewhere on noise, and a network that has learnt to see it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLOURS = {"blue": (30, 50, 230), "green": (30, 220, 60), "red": (230, 40, 30)}
SIDE, SQUARE = 32, 8


def picture(name: str, number: int) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """(SIDE, SIDE, 3), and where its square begins: (top, left)."""
    rng = np.random.default_rng([number, list(COLOURS).index(name)])
    pixels = rng.integers(90, 160, (SIDE, SIDE, 3)).astype(np.uint8)
    top, left = (int(v) for v in rng.integers(0, SIDE - SQUARE, 2))
    pixels[top : top + SQUARE, left : left + SQUARE] = COLOURS[name]
    return pixels, (top, left)


def write_squares(root: Path, *, each: int = 24, tested: int = 8) -> Path:
    """train/CLASS/*.png and test/CLASS/*.png."""
    for name in COLOURS:
        for part, count, first in (("train", each, 0), ("test", tested, 1000)):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(picture(name, first + number)[0]).save(folder / f"{number:03d}.png")
    return root


def share_on_square(heat: NDArray[np.float32], place: tuple[int, int]) -> float:
    """Of the heat of a map (SIDE, SIDE): how much lies on the square, a cell around it counted along."""
    top, left = place
    near = heat[max(0, top - 4) : top + SQUARE + 4, max(0, left - 4) : left + SQUARE + 4]
    return float(near.sum() / max(1e-9, heat.sum()))
