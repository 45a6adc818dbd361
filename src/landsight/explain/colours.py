"""A map of 0 to 1 laid over a photo: one ramp of colours, readable on any photo and without colour vision. Pillow and NumPy alone."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landsight.explain.heat import Map

#: From little to much: dark violet, red, orange, pale yellow; lightness rises all the way.
_ANCHORS: Final = np.array(
    [[38, 12, 81], [87, 16, 110], [138, 34, 106], [188, 55, 84], [228, 90, 49], [249, 142, 9], [250, 200, 60], [252, 246, 170]], np.float32
)
#: How much of the photo stays grey below the heat, and how opaque the heat becomes.
_GREY_SHARE, _MOST_OPAQUE = 0.78, 0.78
#: Where the network did not look.
_UNSEEN: Final = np.array([232, 231, 227], np.float32)


def ramp(heat: Map) -> NDArray[np.float32]:
    """Shape: (...) in [0, 1] -> (..., 3) red, green, blue in 0..255."""
    place = np.asarray(heat, np.float32).clip(0, 1) * (len(_ANCHORS) - 1)
    first = np.floor(place).astype(int).clip(0, len(_ANCHORS) - 2)
    share = (place - first)[..., None]
    mixed: NDArray[np.float32] = _ANCHORS[first] * (1 - share) + _ANCHORS[first + 1] * share
    return mixed


def laid_over(photo: Image.Image, heat: Map) -> Image.Image:
    """The photo in grey, and on it the heat: nothing at 0, nearly opaque at 1. Shape: heat (height, width) of the photo; NaN is veiled."""
    colour = np.asarray(photo.convert("RGB"), np.float32)
    grey = colour @ np.array([0.299, 0.587, 0.114], np.float32)
    ground = _GREY_SHARE * grey[..., None] + (1 - _GREY_SHARE) * colour
    return Image.fromarray(_mixed(ground, heat))


def bar(width: int, height: int) -> Image.Image:
    """The colours from 0 (left) to 1 (right) as they look on middle grey."""
    heat = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width))
    return Image.fromarray(_mixed(np.full((height, width, 3), 128, np.float32), heat))


def _mixed(ground: NDArray[np.float32], heat: Map) -> NDArray[np.uint8]:
    unseen = np.isnan(heat)
    known = np.where(unseen, 0, heat).astype(np.float32)
    share = (_MOST_OPAQUE * known**0.75)[..., None]
    mixed = ground * (1 - share) + ramp(known) * share
    mixed[unseen] = 0.3 * ground[unseen] + 0.7 * _UNSEEN
    return mixed.round().clip(0, 255).astype(np.uint8)
