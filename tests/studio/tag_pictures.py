"""Drawn pictures with any number of labels: each label is a disc of its colour in its own quarter, and a number is how bright the ground is."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

LABELS = ("blue", "green", "red")
_COLOURS = {"blue": (40, 60, 220), "green": (40, 200, 60), "red": (220, 40, 40)}
_PLACES = {"blue": (8, 8), "green": (8, 24), "red": (24, 16)}


def draw(labels: tuple[str, ...], ground: int, number: int) -> Image.Image:
    """32 x 32 pixels."""
    rng = np.random.default_rng(number)
    picture = np.clip(rng.normal(ground, 12, (32, 32, 3)), 0, 255)
    y, x = np.mgrid[0:32, 0:32]
    for label in labels:
        cx, cy = np.array(_PLACES[label]) + rng.uniform(-2, 2, 2)
        picture[(x - cx) ** 2 + (y - cy) ** 2 < 30] = _COLOURS[label]
    return Image.fromarray(picture.round().astype(np.uint8))


def write_table(root: Path, *, train: int = 64, test: int = 24) -> Path:
    """labels.csv (file, labels joined with |, split, brightness) and the pictures beside it; about a tenth have no label."""
    root.mkdir(parents=True)
    rows = [["file", "labels", "split", "brightness"]]
    for number in range(train + test):
        rng = np.random.default_rng([7, number])
        labels = tuple(label for label in LABELS if rng.random() < 0.5)
        ground = int(rng.integers(60, 200))
        draw(labels, ground, number).save(root / f"{number:03d}.png")
        rows.append([f"{number:03d}.png", "|".join(labels), "train" if number < train else "test", str(ground / 255)])
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root
