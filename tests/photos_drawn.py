"""Photos drawn for these tests."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def eiffel() -> bytes:
    """EXIF with the position of the Eiffel Tower."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.24), 3: "E", 4: (2.0, 17.0, 40.2)})
    return exif.tobytes()


def jpeg(width: int = 320, height: int = 200, *, seed: int = 0, exif: bytes = b"") -> bytes:
    """Smooth noise as a photo."""
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC).save(out, "JPEG", exif=exif)
    return out.getvalue()
