"""What every decoder hands back, and how their many kinds of failure become one PhotoError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landsight.errors import PhotoError
from landsight.photo.facts import PhotoWarning
from landsight.photo.limits import Limits

ImageU8 = NDArray[np.uint8]

#: Below this share of a picture the contract says error, from it on an answer with a warning (contracts: Damage).
ENOUGH_DECODED: Final = 0.5

_MAX_REASON = 160
_OUT_OF_MEMORY = (
    "out of memory",
    "insufficient memory",
    "cannot allocate",
    "memory allocation",
    "not enough memory",
    "bad_alloc",
    "error -9",
)
_UNSUPPORTED = (
    "unsupported",
    "not supported",
    "not implemented",
    "unknown compression",
    "unknown pixel mode",
    "codec not available",
    "no decoding plugin",
    "not been built in",
    "cannot handle",
    "unsupported feature",
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels of one picture.

    ``image_hwc_u8`` (h, w, 3) uint8 sRGB, perhaps shrunk; ``size_px`` (width, height) at full size, turned as the array is.
    ``applied``: None when the pixels are as stored and the metadata's orientation is still to be applied; else the
    orientation, 1 to 8, that the decoder has applied (TIFF by its own tag; HEIF and AVIF by their containers' boxes,
    beside which EXIF's tag is only a note).
    """

    image_hwc_u8: ImageU8
    size_px: tuple[int, int]
    applied: int | None = None
    warnings: tuple[PhotoWarning, ...] = ()


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Refuse a declared size before anything is decoded. Raises: PhotoError too_many_pixels, damaged (no area)."""
    if width <= 0 or height <= 0:
        raise PhotoError("damaged", f"The picture declares a size of {width} x {height} pixels.", "Nothing can be shown of it.")
    if width * height > limits.max_pixels:
        raise PhotoError(
            "too_many_pixels",
            f"The picture declares {width} x {height} pixels, more than {limits.max_pixels}.",
            "Raise the pixel limit if it is to be trusted.",
        )


def damage_warning(decoded_share: float, detail: str) -> PhotoWarning:
    """The warning of a damaged picture that is answered all the same. Raises: PhotoError damaged below ENOUGH_DECODED."""
    percent = min(100, max(0, int(decoded_share * 100)))
    if decoded_share < ENOUGH_DECODED:
        raise PhotoError("damaged", f"Only {percent} % of the picture could be decoded: {plain(detail)}.", "Get an undamaged copy.")
    return PhotoWarning("damaged", f"About {percent} % of the picture could be decoded: {plain(detail)}")


def plain(text: object) -> str:
    """One short printable line, whatever a decoder or a file put into its message."""
    line = "".join(char if char.isprintable() else " " for char in str(text))
    line = " ".join(line.split()).rstrip(". ")
    return line if len(line) <= _MAX_REASON else line[: _MAX_REASON - 3] + "..."


def as_photo_error(error: Exception, name: str) -> PhotoError:
    """A decoder's exception as PhotoError: too_much_memory, unsupported or damaged."""
    text = f"{type(error).__name__}: {plain(error)}" if str(error) else type(error).__name__
    lower = text.lower()
    if isinstance(error, MemoryError) or any(words in lower for words in _OUT_OF_MEMORY):
        return PhotoError("too_much_memory", f"Decoding this {name} picture needed more memory than allowed.", "Raise the memory limit.")
    if isinstance(error, NotImplementedError) or any(words in lower for words in _UNSUPPORTED):
        return PhotoError("unsupported", f"This kind of {name} picture is not read: {text}.", "Convert it to JPEG or PNG.")
    return PhotoError("damaged", f"This {name} picture could not be decoded: {text}.", "Get an undamaged copy.")


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Let nothing but PhotoError out. Decoders raise nearly anything (SyntaxError, struct.error, RecursionError ...)."""
    try:
        yield
    except PhotoError:
        raise
    except Exception as error:
        raise as_photo_error(error, name) from error
