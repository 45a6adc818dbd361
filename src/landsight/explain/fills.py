"""What a hidden part of a picture is replaced by. No choice is neutral: each leaves something, and makes edges that no photo has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from landsight.photo.prepare import ImageU8

#: Of the shorter side: standard deviation of the blur. Large shapes lose their edges, colours stay where they were.
_BLUR: Final = 1 / 12


def mean_colour(prepared_hwc_u8: ImageU8) -> ImageU8:
    """The picture's own mean colour everywhere: what is hidden says neither shape nor place. Shape: as given."""
    mean = prepared_hwc_u8.reshape(-1, prepared_hwc_u8.shape[2]).mean(axis=0).round().astype(np.uint8)
    return np.broadcast_to(mean, prepared_hwc_u8.shape).copy()


def grey(prepared_hwc_u8: ImageU8) -> ImageU8:
    """Middle grey, as Zeiler and Fergus have it. Shape: as given."""
    return np.full_like(prepared_hwc_u8, 128)


def blurred(prepared_hwc_u8: ImageU8) -> ImageU8:
    """The picture out of focus: no hard edge where it is put in, but its colours remain. Shape: as given."""
    radius = max(1.0, min(prepared_hwc_u8.shape[:2]) * _BLUR)
    channels = [
        np.asarray(Image.fromarray(channel).filter(ImageFilter.GaussianBlur(radius))) for channel in prepared_hwc_u8.transpose(2, 0, 1)
    ]
    return np.stack(channels, axis=2)


#: By name.
FILLS: Final[dict[str, Callable[[ImageU8], ImageU8]]] = {"mean": mean_colour, "grey": grey, "blur": blurred}
