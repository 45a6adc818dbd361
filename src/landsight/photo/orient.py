"""Turning pixels the way EXIF's orientation asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from landsight.photo.pixels import ImageU8

#: EXIF 2.32, tag 274: where the stored row 0 and column 0 belong -> what makes the picture upright.
_TURNS: Final[dict[int, Callable[[ImageU8], ImageU8]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a[::-1].transpose(1, 0, 2),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a[:, ::-1].transpose(1, 0, 2),
}


def turn(image_hwc_u8: ImageU8, orientation: int) -> ImageU8:
    """Apply EXIF orientation 1 to 8. Shape: (h, w, c) in; (h, w, c) out, or (w, h, c) for 5 to 8; contiguous."""
    if orientation not in _TURNS:
        return image_hwc_u8
    return np.ascontiguousarray(_TURNS[orientation](image_hwc_u8))


def turn_size(size_px: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(width, height) after turning."""
    return (size_px[1], size_px[0]) if orientation in (5, 6, 7, 8) else size_px
