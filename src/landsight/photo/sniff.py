"""What a file is, told from its first bytes and never from its name."""

from __future__ import annotations

import struct
from typing import Final

#: Bytes that a caller should hand over: enough for the brands of HEIF and for the first directory of nearly every raw file.
SNIFF_BYTES: Final = 4096

#: All answers of sniff. "jpeg" includes MPO (its first picture is a plain JPEG); cr2, nef, arw and dng are TIFF inside.
FORMATS: Final = ("jpeg", "png", "webp", "tiff", "gif", "bmp", "heif", "avif", "cr2", "nef", "arw", "dng")
RAW_FORMATS: Final = frozenset({"cr2", "nef", "arw", "dng"})

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"})
_BMP_HEADER_SIZES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_TIFF_MAGIC = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
_TAG_MAKE, _TAG_SUBIFDS, _TAG_DNG_VERSION = 271, 330, 50706

#: Pictures (or documents with pictures) that are recognised only to say why they are refused.
_NOT_READ: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (0, b"8BPS", "Photoshop"),
    (0, b"qoif", "QOI"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "XML"),
    (0, b"<?xpacket", "an XMP sidecar"),
    (0, b"<x:xmpmeta", "an XMP sidecar"),
    (4, b"ftyp", "a video or another ISO media file"),
    (0, b"version https://git-lfs", "a Git LFS pointer"),
)


def sniff(head: bytes) -> str | None:
    """The format of a file by its content: one of FORMATS, or None when it is not a picture that is read.

    ``head``: at least the first SNIFF_BYTES bytes (all of a shorter file; more is fine). Never raises.
    A raw file whose first directory lies beyond ``head`` is answered as "tiff".
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head.startswith(b"BM") and len(head) >= 18 and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "bmp"
    if head[4:8] == b"ftyp":
        return _sniff_iso_media(head)
    if head[:4] in _TIFF_MAGIC:
        return _sniff_tiff(head)
    return None


def describe_unread(head: bytes) -> str:
    """A few plain words for content that sniff answers with None: "JPEG 2000", "empty", "text" ... Never raises."""
    if not head:
        return "empty"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for offset, magic, name in _NOT_READ:
        if (text if offset == 0 else head).startswith(magic, offset):
            return name
    if all(byte >= 32 or byte in b"\t\r\n" for byte in head[:256]):
        return "text"
    return "unknown content"


def _sniff_iso_media(head: bytes) -> str | None:
    size = min(max(int.from_bytes(head[:4], "big"), 16), len(head))
    brands = {head[8:12], *(head[i : i + 4] for i in range(16, size - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "avif"
    # "heic" in the compatible brands of an mp4 does not make it a picture: the major brand must be an image brand
    # (or an unknown one, such as a camera maker's, beside a still-image brand).
    if brands & _HEIF_BRANDS and head[8:12] not in (b"isom", b"mp41", b"mp42", b"qt  ", b"crx "):
        return "heif"
    return None


def _sniff_tiff(head: bytes) -> str:
    """Which TIFF-based raw file, if any: Canon's CR2 by its marker, the others by their first directory."""
    order = _TIFF_MAGIC[head[:4]]
    if head[2:4] in (b"+\0", b"\0+") or len(head) < 10:
        return "tiff"
    if head[8:10] == b"CR":
        return "cr2"
    (offset,) = struct.unpack_from(order + "I", head, 4)
    if offset + 2 > len(head):
        return "tiff"
    (count,) = struct.unpack_from(order + "H", head, offset)
    tags: dict[int, bytes] = {}
    for at in range(offset + 2, min(offset + 2 + 12 * count, len(head) - 11), 12):
        tag, _, length = struct.unpack_from(order + "HHI", head, at)
        value = head[at + 8 : at + 12]
        if tag == _TAG_MAKE and length > 4:
            (where,) = struct.unpack(order + "I", value)
            value = head[where : where + min(length, 32)]
        tags[tag] = value
    if _TAG_DNG_VERSION in tags:
        return "dng"
    # A scan or an export may carry a camera's name too: a raw file also keeps its sensor data in a sub-directory.
    make = tags.get(_TAG_MAKE, b"").upper()
    if _TAG_SUBIFDS in tags and make.startswith(b"NIKON"):
        return "nef"
    if _TAG_SUBIFDS in tags and make.startswith(b"SONY"):
        return "arw"
    return "tiff"
