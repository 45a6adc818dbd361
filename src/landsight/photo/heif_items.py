"""The EXIF and XMP items of a HEIF or AVIF file: a bounded walk over its boxes.

Reference: ISO/IEC 14496-12 8.11 (meta, iinf, infe, iloc, idat) and ISO/IEC 23008-12 annex A (Exif and XMP items).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from landsight.photo.bytesource import ByteSource, MemorySource

MAX_BOXES: Final = 5000
MAX_META_BYTES: Final = 8_000_000
MAX_ITEM_BYTES: Final = 4_000_000
MAX_ITEMS: Final = 20_000
_HEADER: Final = struct.Struct(">I4s")


@dataclass(slots=True)
class Items:
    """The payloads, as stored."""

    exif: bytes | None = None
    xmp: bytes | None = None


def find_items(source: ByteSource) -> Items:
    """Read both items. Broken boxes end the walk: struct.error or ValueError, which the caller turns into a warning."""
    for kind, start, end in _boxes(source, 0, source.size):
        if kind == b"meta":
            return _read_meta(source, source.read(start, min(end - start, MAX_META_BYTES)))
    return Items()


def _boxes(source: ByteSource, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of content, end of content) of each box in [at, end)."""
    for _ in range(MAX_BOXES):
        if at + 8 > end:
            return
        head = source.read(at, 16)
        if len(head) < 8:
            return
        size, kind = _HEADER.unpack_from(head)
        start = at + 8
        if size == 1:
            if len(head) < 16:
                return
            (size,) = struct.unpack_from(">Q", head, 8)
            start = at + 16
        elif size == 0:
            size = end - at
        if size < start - at:
            return
        yield kind, start, min(at + size, end)
        at += size


def _read_meta(source: ByteSource, meta: bytes) -> Items:
    inner = MemorySource(meta)
    found = {kind: (start, end) for kind, start, end in _boxes(inner, 4, len(meta))}
    items = Items()
    if b"iinf" not in found or b"iloc" not in found:
        return items
    kinds = _item_kinds(inner, *found[b"iinf"])
    if not kinds:
        return items
    idat = found.get(b"idat", (0, 0))
    places = _item_places(meta[slice(*found[b"iloc"])], set(kinds))
    for item, kind in kinds.items():
        payload = _payload(source, meta[slice(*idat)], places.get(item, (0, [])))
        if payload and getattr(items, kind) is None:
            setattr(items, kind, payload)
    return items


def _item_kinds(meta: MemorySource, start: int, end: int) -> dict[int, str]:
    """item_ID -> "exif" or "xmp", from the infe boxes (versions 2 and 3)."""
    version = meta.data[start]
    kinds: dict[int, str] = {}
    for kind, at, stop in _boxes(meta, start + (6 if version == 0 else 8), end):
        if kind != b"infe" or stop - at < 12 or meta.data[at] not in (2, 3):
            continue
        wide = meta.data[at] == 3
        (item,) = struct.unpack_from(">I" if wide else ">H", meta.data, at + 4)
        type_at = at + (10 if wide else 8)  # past item_ID and item_protection_index
        item_type, rest = meta.data[type_at : type_at + 4], meta.data[type_at + 4 : stop]
        if item_type == b"Exif":
            kinds[item] = "exif"
        elif item_type == b"mime" and b"application/rdf+xml" in rest:
            kinds[item] = "xmp"
    return kinds


def _item_places(iloc: bytes, wanted: set[int]) -> dict[int, tuple[int, list[tuple[int, int]]]]:
    """item_ID -> (construction method, [(offset, length)]) of the wanted items."""
    version, sizes = iloc[0], struct.unpack_from(">H", iloc, 4)[0]
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in (1, 2) else 0
    reader = _Reader(iloc, 6)
    wide = 4 if version == 2 else 2
    places: dict[int, tuple[int, list[tuple[int, int]]]] = {}
    for _ in range(min(reader.number(wide), MAX_ITEMS)):
        item = reader.number(wide)
        method = reader.number(2) & 15 if version in (1, 2) else 0
        reader.number(2)  # data_reference_index
        base = reader.number(base_size)
        extents: list[tuple[int, int]] = []
        for _ in range(min(reader.number(2), 1024)):
            reader.number(index_size)
            offset = reader.number(offset_size)
            extents.append((base + offset, reader.number(length_size)))
        if item in wanted:
            places[item] = (method, extents)
    return places


def _payload(source: ByteSource, idat: bytes, place: tuple[int, list[tuple[int, int]]]) -> bytes:
    method, extents = place
    if method not in (0, 1) or sum(length for _, length in extents) > MAX_ITEM_BYTES:
        return b""
    if method == 1:
        return b"".join(idat[offset : offset + length] for offset, length in extents)
    return b"".join(source.read(offset, length) for offset, length in extents)


class _Reader:
    """Big-endian numbers one after another. Raises: ValueError at the end of the data."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def number(self, size: int) -> int:
        if self.at + size > len(self.data):
            raise ValueError("an item location box ends early")
        value = int.from_bytes(self.data[self.at : self.at + size], "big")
        self.at += size
        return value
