"""EXIF orientation as the file states it; photo.orient turns the pixels.

Reference: EXIF 2.32, tag 0x0112: which side of the scene the stored row 0 and column 0 are.
"""

from __future__ import annotations

from collections.abc import Mapping

from landsight.photo import tiff, xmp
from landsight.photo.tiff import ExifTags


def read_orientation(tags: ExifTags | None, properties: Mapping[xmp.Name, str] | None = None) -> tuple[int, int | str | None]:
    """(orientation 1 to 8, the illegal value if there was one): EXIF's tag, else XMP's tiff:Orientation, else 1.

    An illegal value is taken as 1, as everybody else does.
    """
    if tags is not None and tiff.ORIENTATION in tags.ifd0:
        value = tags.ifd0[tiff.ORIENTATION].integer()
        return (value, None) if value is not None and 1 <= value <= 8 else (1, "blank" if value is None else value)
    text = (properties or {}).get((xmp.TIFF, "Orientation"))
    if text is None:
        return 1, None
    return (int(text), None) if text in tuple("12345678") else (1, text[:20])
