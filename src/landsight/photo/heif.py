"""HEIC and HEIF, by libheif (decoder only)."""

from __future__ import annotations

from typing import Any

from landsight.errors import PhotoError
from landsight.photo.colour import to_rgb
from landsight.photo.limits import Limits
from landsight.photo.pixels import Decoded, check_pixels, translated


def decode(data: bytes, *, limits: Limits, decode_px: int | None) -> Decoded:
    """Decode the primary picture; libheif has applied the container's rotation and mirroring. 10 and 12 bits become 8.

    Raises: PhotoError.
    """
    with translated("HEIF"):
        try:
            picture = _library().open_heif(data, convert_hdr_to_8bit=True)
            size: tuple[int, int] = picture.size
        except IndexError as error:
            # What pi_heif says when none of the items is in a codec that it has.
            raise PhotoError(
                "unsupported", "This HEIF file holds no picture in a codec that is read (HEVC).", "Convert it to JPEG or PNG."
            ) from error
        check_pixels(*size, limits)
        image = picture.to_pillow()
        factor = 1 if decode_px is None else min(size) // decode_px
        if factor > 1:
            image = image.reduce(factor)
        pixels, warnings = to_rgb(image, picture.info.get("icc_profile") or None)
    return Decoded(pixels, size, applied=1, warnings=warnings)


def _library() -> Any:
    """pi_heif, loaded by the first HEIF file: few folders hold one."""
    import pi_heif

    # One photo a process: threads of libheif would fight with the other workers for the cores, take twice the address space,
    # and end the process (std::terminate) when the memory limit keeps one from starting.
    pi_heif.options.DECODE_THREADS = 1
    return pi_heif
