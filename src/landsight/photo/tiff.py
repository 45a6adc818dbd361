"""The directories of a TIFF structure, which is also what EXIF is: strict about bounds, forgiving about the rest.

Pillow's Image.Exif is not used for this: it takes 0.36 ms for a block where this takes 0.02 ms (133 blocks of real photos), because it
decodes every tag; and it does not tell what was damaged, which decides here between "absent" and "malformed". Only wanted tags are
read, each step is bounded, and damage is reported.

Reference: TIFF 6.0 section 2; EXIF 2.32 (CIPA DC-008) section 4.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from landsight.photo.bytesource import ByteSource

#: Bytes per value of each TIFF type. 129 is the UTF-8 text of EXIF 3.0.
_TYPE_SIZE: Final[dict[int, int]] = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
_TYPE_CODE: Final[dict[int, str]] = {1: "B", 3: "H", 4: "I", 5: "I", 6: "b", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d", 13: "I"}
_TEXT_TYPES: Final = frozenset({1, 2, 7, 129})
_RATIONAL_TYPES: Final = frozenset({5, 10})
#: Unsigned as the standard has it, and signed or IFD as some writers do.
_POINTER_TYPES: Final = frozenset({4, 9, 13})

#: The first directories of real files have under 300 entries; more is damage or an attack.
MAX_ENTRIES: Final = 2048
MAX_VALUE_BYTES: Final = 1024
#: Magic after the byte order: TIFF, and the same structure in Panasonic (RW2) and Olympus (ORF) raw files.
_MAGIC: Final = frozenset({42, 0x55, 0x4F52, 0x5352})

MAKE, MODEL, ORIENTATION, SOFTWARE, XMP_PACKET, EXIF_IFD, GPS_IFD = 0x010F, 0x0110, 0x0112, 0x0131, 0x02BC, 0x8769, 0x8825
_IFD0_TAGS: Final = frozenset({MAKE, MODEL, ORIENTATION, SOFTWARE, XMP_PACKET, EXIF_IFD, GPS_IFD})
DATE_ORIGINAL, DATE_DIGITIZED, OFFSET_ORIGINAL, OFFSET_DIGITIZED = 0x9003, 0x9004, 0x9011, 0x9012
SUBSEC_ORIGINAL, SUBSEC_DIGITIZED, USER_COMMENT, FILE_SOURCE = 0x9291, 0x9292, 0x9286, 0xA300
_EXIF_TAGS: Final = frozenset(
    {DATE_ORIGINAL, DATE_DIGITIZED, OFFSET_ORIGINAL, OFFSET_DIGITIZED, SUBSEC_ORIGINAL, SUBSEC_DIGITIZED, USER_COMMENT, FILE_SOURCE}
)
LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, ALTITUDE_REF, ALTITUDE, GPS_TIME = 1, 2, 3, 4, 5, 6, 7
DIRECTION_REF, DIRECTION, GPS_DATE, GPS_ERROR = 0x10, 0x11, 0x1D, 0x1F
_GPS_TAGS: Final = frozenset(
    {LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, ALTITUDE_REF, ALTITUDE, GPS_TIME, DIRECTION_REF, DIRECTION, GPS_DATE, GPS_ERROR}
)


class Tag(NamedTuple):
    """One entry. ``length``: how many values; ``raw``: their bytes, cut at MAX_VALUE_BYTES; ``where``: their offset in the source."""

    type: int
    length: int
    raw: bytes
    order: str
    where: int

    def numbers(self) -> list[float | None]:
        """The values as numbers; a rational over 0 is None. Empty for text and for unknown types."""
        code = _TYPE_CODE.get(self.type)
        if code is None:
            return []
        width = struct.calcsize(code)
        values = struct.unpack(f"{self.order}{len(self.raw) // width}{code}", self.raw[: len(self.raw) // width * width])
        if self.type not in _RATIONAL_TYPES:
            return [float(v) for v in values]
        return [a / b if b else None for a, b in zip(values[::2], values[1::2], strict=False)]

    def integer(self) -> int | None:
        """The first value as a whole number, or None."""
        values = self.numbers()
        value = values[0] if values else None
        return int(value) if value is not None and abs(value) < 2**32 and value == int(value) else None

    def text(self) -> str:
        """The value as text up to its first NUL, without control characters and outer blanks; "" for numbers."""
        if self.type not in _TEXT_TYPES:
            return ""
        return clean_text(self.raw.split(b"\0", 1)[0])


@dataclass(slots=True)
class ExifTags:
    """The wanted tags of IFD0, the EXIF directory and the GPS directory. ``damage`` says in plain words what was broken."""

    ifd0: dict[int, Tag] = field(default_factory=dict)
    exif: dict[int, Tag] = field(default_factory=dict)
    gps: dict[int, Tag] = field(default_factory=dict)
    gps_unreadable: bool = False
    damage: list[str] = field(default_factory=list)


def clean_text(raw: bytes) -> str:
    """UTF-8, else Latin-1; control characters and outer blanks removed."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable())
    return text.strip()


def read_tags(source: ByteSource) -> ExifTags:
    """Read the wanted tags of a TIFF structure that starts at offset 0 of ``source``.

    Never raises for broken content; reads at most three directories of MAX_ENTRIES entries, so neither loops nor chains matter.
    """
    tags = ExifTags()
    head = source.read(0, 8)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if head[:4] in (b"II+\0", b"MM\0+"):  # BigTIFF: files of many gigabytes, not photos of a camera
        return tags
    if order is None or len(head) < 8 or struct.unpack_from(order + "H", head, 2)[0] not in _MAGIC:
        tags.damage.append("the EXIF block does not start like one")
        return tags
    tags.ifd0 = _read_directory(source, order, struct.unpack_from(order + "I", head, 4)[0], _IFD0_TAGS, tags.damage) or {}
    for pointer, name in ((EXIF_IFD, "exif"), (GPS_IFD, "gps")):
        entry = tags.ifd0.get(pointer)
        if entry is None:
            continue
        offset = entry.integer() if entry.type in _POINTER_TYPES else None
        if offset is None:
            tags.damage.append(f"the pointer to the {name.upper()} block has a wrong type")
            continue
        found = _read_directory(source, order, offset, _EXIF_TAGS if name == "exif" else _GPS_TAGS, tags.damage)
        if name == "exif":
            tags.exif = found or {}
        else:
            tags.gps, tags.gps_unreadable = found or {}, found is None
    return tags


def _read_directory(source: ByteSource, order: str, offset: int, wanted: Iterable[int], damage: list[str]) -> dict[int, Tag] | None:
    """The wanted entries of the directory at ``offset``, the first of each tag; None when there is no directory at all."""
    start = source.read(offset, 2) if offset >= 8 else b""
    if len(start) < 2:
        damage.append("a directory lies outside the EXIF block")
        return None
    (declared,) = struct.unpack(order + "H", start)
    count = min(declared, MAX_ENTRIES)
    block = source.read(offset + 2, count * 12)
    if len(block) < declared * 12:
        damage.append("a directory declares more entries than there are")
    found: dict[int, Tag] = {}
    for index, (tag, kind, length, inline) in enumerate(struct.iter_unpack(order + "HHI4s", block[: len(block) // 12 * 12])):
        if tag not in wanted or tag in found:
            continue
        width = _TYPE_SIZE.get(kind)
        if width is None:
            damage.append(f"tag 0x{tag:04x} has the unknown type {kind}")
            continue
        size = width * length
        if size <= 4:
            found[tag] = Tag(kind, length, inline[:size], order, offset + 2 + index * 12 + 8)
            continue
        (where,) = struct.unpack(order + "I", inline)
        raw = source.read(where, min(size, MAX_VALUE_BYTES))
        if len(raw) < min(size, MAX_VALUE_BYTES):
            damage.append(f"the value of tag 0x{tag:04x} lies outside the EXIF block")
        found[tag] = Tag(kind, length, raw, order, where)
    return found
