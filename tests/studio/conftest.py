"""A tiny training folder of drawn pictures, and a recipe that learns it in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landsight.studio.recipe import Recipe, from_dict

CLASSES = ("blue", "green", "red")
_COLOURS = {"blue": (40, 60, 200), "green": (40, 190, 60), "red": (200, 50, 40)}


def draw(name: str, number: int, size: tuple[int, int]) -> Image.Image:
    """A noisy ground with one disc in the colour of the class; ``number`` makes each different."""
    rng = np.random.default_rng([number, CLASSES.index(name)])
    width, height = size
    picture = rng.integers(90, 160, (height, width, 3)).astype(np.float64)
    y, x = np.mgrid[0:height, 0:width]
    cx, cy, radius = rng.uniform(0.3, 0.7) * width, rng.uniform(0.3, 0.7) * height, rng.uniform(0.25, 0.45) * min(size)
    picture[(x - cx) ** 2 + (y - cy) ** 2 < radius**2] = _COLOURS[name]
    return Image.fromarray(picture.round().astype(np.uint8))


def write_folder(root: Path, *, each: int = 10, only_small: str = "red") -> Path:
    """train/ with large (72x54) and small (32x32) pictures of each class, ``only_small`` with small ones alone; test/ with three each."""
    for name in CLASSES:
        for part, count in (("train", each), ("test", 3)):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                large = number % 2 == 0 and name != only_small
                seed = number + (1000 if part == "test" else 0)
                draw(name, seed, (72, 54) if large else (32, 32)).save(folder / f"{number:03d}.png")
    return root


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten training pictures a class; nobody may write to it."""
    return write_folder(tmp_path_factory.mktemp("pictures"))


def tiny_recipe(root: Path, *settings: str) -> Recipe:
    """The small network on small views."""
    data = {
        "data": {"root": str(root), "small_px": 32, "working_px": 48, "validation_share": 0.2, "duplicate_distance": -1},
        "input": {"width": 32, "height": 32},
        "net": {"name": "cnn", "hidden": [32], "frozen_blocks": 0, "dropout": 0.0, "norm_momentum": 0.1},
        "optimise": {"rate": 0.01, "head_factor": 1.0, "precision": "fp32", "ema": 0.8},
        "schedule": {"stages": [[32, 2]]},
        "train": {"batch": 8, "workers": 0, "threads": 1, "evaluate_every": 0},
        "views": {"degrade_large_px": [16.0, 32.0], "degrade_small_px": [16.0, 32.0]},
    }
    return from_dict(data, settings)
