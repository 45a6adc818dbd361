"""Any photo file to pixels and facts. The one door: training, evaluation, command line and service all come in here.

Everything here runs in one process and trusts its decoders not to crash; photo.worker runs it behind memory and time limits.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from landsight.errors import PhotoError
from landsight.photo import heif, jpeg, metadata, raster, raw
from landsight.photo.facts import Facts, PhotoWarning
from landsight.photo.limits import Limits
from landsight.photo.orient import turn, turn_size
from landsight.photo.pixels import Decoded, ImageU8, plain, translated
from landsight.photo.sniff import RAW_FORMATS, SNIFF_BYTES, describe_unread, sniff


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo, upright.

    ``pixels_hwc_u8`` (h, w, 3) uint8 sRGB, perhaps smaller than the original; ``size_px`` (width, height) of the original
    after orientation; ``orientation`` the EXIF value that has been applied (1 also where libheif has turned the picture);
    ``warnings`` holds those of the facts and those of decoding.
    """

    pixels_hwc_u8: ImageU8
    size_px: tuple[int, int]
    orientation: int
    facts: Facts
    warnings: tuple[PhotoWarning, ...] = ()


def read(source: Path | str | bytes, *, limits: Limits, decode_px: int | None = None) -> Photo:
    """Read one photo: identify, facts, pixels.

    ``source``: a path, or the bytes of a file. ``decode_px``: the picture may come back smaller, with both sides at least so long.
    Raises: PhotoError and nothing else. A caller who wants the facts of a picture whose pixels fail calls read_bytes, identify,
    facts_of and decode in turn, as this function does.
    """
    data = read_bytes(source, limits)
    kind = identify(data)
    return decode(data, kind, facts_of(data, kind), limits=limits, decode_px=decode_px)


def read_bytes(source: Path | str | bytes, limits: Limits) -> bytes:
    """The bytes of a regular file (links are followed), or ``source`` itself when it is bytes.

    Never waits on a pipe or a device. Raises: PhotoError unreadable, too_many_bytes (before reading).
    """
    if isinstance(source, bytes):
        _check_bytes(len(source), limits)
        return source
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        raise _unreadable(getattr(error, "strerror", None) or str(error)) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise _unreadable("not a regular file")
        _check_bytes(status.st_size, limits)
        return _read_all(handle, status.st_size, limits)
    except OSError as error:
        raise _unreadable(error.strerror or str(error)) from error
    except MemoryError as error:
        raise PhotoError("too_much_memory", "The file does not fit into the memory allowed.", "Raise the memory limit.") from error
    finally:
        os.close(handle)


def _read_all(handle: int, size: int, limits: Limits) -> bytes:
    data = os.read(handle, size + 1)
    if len(data) == size:
        return data
    # The kernel gave less at once, or the file is growing.
    parts = [data]
    total = len(data)
    while data:
        data = os.read(handle, 1 << 20)
        parts.append(data)
        total += len(data)
        _check_bytes(total, limits)
    return b"".join(parts)


def _check_bytes(size: int, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise PhotoError(
            "too_many_bytes", f"The file has {size} bytes, more than {limits.max_bytes}.", "Raise the byte limit if it is to be trusted."
        )


def _unreadable(why: str) -> PhotoError:
    return PhotoError("unreadable", f"The file could not be opened: {plain(why)}.", "Give a file that exists and may be read.")


def identify(data: bytes) -> str:
    """The format (sniff.FORMATS) of a file's content. Raises: PhotoError not_a_photo."""
    kind = sniff(data[:SNIFF_BYTES])
    if kind is None:
        raise PhotoError(
            "not_a_photo",
            f"Not a picture that is read: {describe_unread(data[:SNIFF_BYTES])}.",
            "Formats are told by content, not by name.",
        )
    return kind


def facts_of(data: bytes, kind: str) -> Facts:
    """What the file says about itself; malformed metadata is told in the facts. Raises: PhotoError only if memory runs out."""
    with translated(kind.upper()):
        return metadata.facts_from_bytes(data, kind)


def decode(data: bytes, kind: str, facts: Facts, *, limits: Limits, decode_px: int | None = None) -> Photo:
    """The pixels of ``data``, upright. ``facts`` gives the orientation, where the container has none of its own. Raises: PhotoError."""
    with translated(kind.upper()):
        decoded = _decode(data, kind, limits, decode_px)
        if decoded.applied is not None:
            pixels, size, orientation = decoded.image_hwc_u8, decoded.size_px, decoded.applied
        else:
            orientation = facts.orientation
            pixels, size = turn(decoded.image_hwc_u8, orientation), turn_size(decoded.size_px, orientation)
    return Photo(pixels, size, orientation, facts, facts.warnings + decoded.warnings)


def _decode(data: bytes, kind: str, limits: Limits, decode_px: int | None) -> Decoded:
    if kind == "jpeg":
        return jpeg.decode(data, limits=limits, decode_px=decode_px)
    if kind == "heif":
        return heif.decode(data, limits=limits, decode_px=decode_px)
    if kind in RAW_FORMATS:
        return raw.decode(data, kind, limits=limits, decode_px=decode_px)
    return raster.decode(data, kind, limits=limits, decode_px=decode_px)
