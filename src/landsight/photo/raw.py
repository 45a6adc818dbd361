"""Raw files that are TIFF inside (CR2, NEF, ARW, DNG): the largest JPEG preview that the camera put into them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from landsight.errors import PhotoError
from landsight.photo import jpeg, raster
from landsight.photo.limits import Limits
from landsight.photo.pixels import Decoded

_MAX_DIRECTORIES: Final = 64
_MAX_ENTRIES: Final = 1024
_MAX_VALUES: Final = 256
_SIZES: Final = {1: 1, 3: 2, 4: 4, 13: 4}
_CODES: Final = {1: "B", 3: "H", 4: "I", 13: "I"}
_STRIP_OFFSETS, _STRIP_COUNTS, _SUBIFDS, _JPEG_OFFSET, _JPEG_COUNT = 273, 279, 330, 513, 514


def decode(data: bytes, kind: str, *, limits: Limits, decode_px: int | None) -> Decoded:
    """Decode the largest preview; a file without one is tried as the TIFF that it also is.

    Raises: PhotoError; damaged when a preview has been cut off; unsupported when there is neither a preview nor a readable TIFF.
    """
    preview = largest_preview(data)
    if preview is not None:
        return jpeg.decode(preview, limits=limits, decode_px=decode_px)
    try:
        return raster.decode(data, "tiff", limits=limits, decode_px=decode_px)
    except PhotoError as error:
        # A preview that lies beyond the end of the file was there once.
        if error.code != "damaged" or any(offset + length > len(data) for offset, length in _candidates(data)):
            raise
        raise PhotoError(
            "unsupported", f"This {kind.upper()} file has no preview picture, and its sensor data is not read.", "Export it as JPEG."
        ) from error


def largest_preview(data: bytes) -> bytes | None:
    """The JPEG with most pixels that any directory points to; None if there is none. Never raises.

    Lossless JPEG (sensor data) is left out.
    """
    best: tuple[int, int, int] | None = None
    for offset, length in _candidates(data):
        if length < 4 or offset < 0 or data[offset : offset + 2] != b"\xff\xd8":
            continue
        header = jpeg.read_header(data[offset : offset + length])
        if header is None or header.is_lossless or header.bits != 8:
            continue
        area = header.width * header.height
        if best is None or area > best[0]:
            best = (area, offset, length)
    return None if best is None else data[best[1] : best[1] + best[2]]


def _candidates(data: bytes) -> Iterator[tuple[int, int]]:
    """(offset, length) of what may be a JPEG, from every directory: the chain and all sub-directories, each once."""
    order = "<" if data[:2] == b"II" else ">"
    todo = [_number(data, order, 4)]
    seen: set[int] = set()
    while todo and len(seen) < _MAX_DIRECTORIES:
        at = todo.pop()
        if at in seen or not 8 <= at <= len(data) - 2:
            continue
        seen.add(at)
        tags, following = _directory(data, order, at)
        todo.extend((following, *tags.get(_SUBIFDS, ())))
        for offsets, counts in ((_JPEG_OFFSET, _JPEG_COUNT), (_STRIP_OFFSETS, _STRIP_COUNTS)):
            # More than one strip is sensor data or a plain TIFF, not a JPEG stream.
            if len(tags.get(offsets, ())) == 1 and len(tags.get(counts, ())) == 1:
                yield tags[offsets][0], tags[counts][0]


def _directory(data: bytes, order: str, at: int) -> tuple[dict[int, tuple[int, ...]], int]:
    """Integer tags of the directory at ``at``, and the offset of the next one (0: none)."""
    (count,) = struct.unpack_from(order + "H", data, at)
    tags: dict[int, tuple[int, ...]] = {}
    for entry in range(at + 2, min(at + 2 + 12 * min(count, _MAX_ENTRIES), len(data) - 11), 12):
        tag, kind, length = struct.unpack_from(order + "HHI", data, entry)
        if kind not in _CODES or not 0 < length <= _MAX_VALUES:
            continue
        size = _SIZES[kind] * length
        where = entry + 8 if size <= 4 else _number(data, order, entry + 8)
        if where + size <= len(data):
            tags[tag] = struct.unpack_from(f"{order}{length}{_CODES[kind]}", data, where)
    return tags, _number(data, order, at + 2 + 12 * count)


def _number(data: bytes, order: str, at: int) -> int:
    return int(struct.unpack_from(order + "I", data, at)[0]) if 0 <= at <= len(data) - 4 else 0
