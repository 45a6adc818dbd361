"""Pictures with known truth for the tests of photo: nothing is read from disk."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: Colours of the corners, so that every turn and mirroring of the picture differs from every other.
TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT = (200, 40, 40), (40, 180, 40), (40, 40, 200), (220, 220, 60)

#: EXIF orientation -> how an upright picture is stored so that this value makes it upright again.
STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def corners(width: int = 96, height: int = 64) -> Image.Image:
    """Four flat quarters."""
    picture = np.empty((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = TOP_LEFT
    picture[: height // 2, width // 2 :] = TOP_RIGHT
    picture[height // 2 :, : width // 2] = BOTTOM_LEFT
    picture[height // 2 :, width // 2 :] = BOTTOM_RIGHT
    return Image.fromarray(picture)


def smooth(width: int, height: int) -> Image.Image:
    """Slow waves in three colours, nothing clipped."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [128 + 90 * np.sin(x / width * 7 + k) * np.cos(y / height * 5 - k) for k in range(3)]
    return Image.fromarray(np.stack(planes, axis=2).round().astype(np.uint8))


def encode(image: Image.Image, name: str, **options: Any) -> bytes:
    """The bytes of a file of Pillow's format ``name``."""
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def with_orientation(value: int) -> Image.Exif:
    """An EXIF block that holds nothing but the orientation."""
    exif = Image.Exif()
    exif[274] = value
    return exif


def xmp_orientation(value: int) -> bytes:
    """An XMP packet that holds nothing but the orientation."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{value}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


def stored(image: Image.Image, orientation: int) -> Image.Image:
    """As a camera that writes ``orientation`` stores an upright ``image``."""
    turn = STORED_AS[orientation]
    return image if turn is None else image.transpose(turn)


def quarter_colours(pixels: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters: top left, top right, bottom left, bottom right."""
    height, width = pixels.shape[:2]
    return [tuple(int(v) for v in pixels[y, x]) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]


def near(found: list[tuple[int, ...]], expected: list[tuple[int, ...]], tolerance: int) -> bool:
    """Whether all colours agree within ``tolerance`` levels."""
    return int(np.abs(np.array(found, int) - np.array(expected, int)).max()) <= tolerance


QUARTERS = [TOP_LEFT, TOP_RIGHT, BOTTOM_LEFT, BOTTOM_RIGHT]
