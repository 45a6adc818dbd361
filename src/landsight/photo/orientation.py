"""EXIF orientation: how stored rows and columns become an upright picture.

Reference: EXIF 2.32, tag 0x0112: the value says which side of the scene the stored row 0 and column 0 are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from landsight.photo import tiff, xmp
from landsight.photo.tiff import ExifTags

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read_orientation(tags: ExifTags | None, properties: Mapping[xmp.Name, str] | None = None) -> tuple[int, int | str | None]:
    """(orientation 1 to 8, the illegal value if there was one): EXIF's tag, else XMP's tiff:Orientation, else 1.

    An illegal value is taken as 1, as by everybody else.
    """
    if tags is not None and tiff.ORIENTATION in tags.ifd0:
        value = tags.ifd0[tiff.ORIENTATION].integer()
        return (value, None) if value is not None and 1 <= value <= 8 else (1, "blank" if value is None else value)
    text = (properties or {}).get((xmp.TIFF, "Orientation"))
    if text is None:
        return 1, None
    return (int(text), None) if text in tuple("12345678") else (1, text[:20])


def apply_orientation(image_hwc_u8: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The picture upright.

    Shape: (h, w, c) in; (h, w, c), or (w, h, c) for 5 to 8, out, C-contiguous; the input itself when nothing is to be done.
    Raises: ValueError for an orientation outside 1 to 8.
    """
    import numpy as np  # facts alone need no arrays: a cold `--only-gps` does without

    if orientation not in _VIEWS:
        raise ValueError(f"orientation is 1 to 8: received {orientation!r}")
    upright: NDArray[np.uint8] = np.ascontiguousarray(_VIEWS[orientation](image_hwc_u8))
    return upright


def _same(image: Any) -> Any:
    return image


_VIEWS: dict[int, Callable[[Any], Any]] = {
    1: _same,
    2: lambda image: image[:, ::-1],  # mirrored left to right
    3: lambda image: image[::-1, ::-1],  # half a turn
    4: lambda image: image[::-1],  # mirrored top to bottom
    5: lambda image: image.swapaxes(0, 1),  # mirrored along the main diagonal
    6: lambda image: image[::-1].swapaxes(0, 1),  # a quarter turn clockwise
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),  # mirrored along the other diagonal
    8: lambda image: image[:, ::-1].swapaxes(0, 1),  # a quarter turn anticlockwise
}
