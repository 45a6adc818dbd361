"""Where the formats keep their EXIF block and XMP packet. Bounded walks over headers; no pixel is decoded.

References: JPEG ITU-T T.81 B and Adobe XMP part 3 (segments, extended XMP); PNG 3rd edition 11.3; RIFF/WebP container; ISO 23008-12
(HEIF items: iinf, iloc, idat); GIF89a application extensions.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

from landsight.photo.bytesource import ByteSource, MemorySource
from landsight.photo.xmp import MAX_PACKET_BYTES

MAX_SEGMENTS: Final = 2000
MAX_STRAY_BYTES: Final = 4096
MAX_CHUNKS: Final = 20_000
MAX_EXIF_BYTES: Final = 4_000_000
MAX_GIF_BYTES: Final = 16_000_000

_EXIF_MARK, _XMP_MARK = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_MARK: Final = b"http://ns.adobe.com/xmp/extension/\0"
_EXV_MARK: Final = b"\xff\x01Exiv2"
_GIF_MARK: Final = b"\x21\xff\x0bXMP DataXMP"
_PNG_XMP: Final = b"XML:com.adobe.xmp"


@dataclass(slots=True)
class Blocks:
    """What a container holds: the TIFF structure of EXIF, the XMP packet, parts of extended XMP, PNG's Software text."""

    exif: ByteSource | None = None
    xmp: bytes | None = None
    extended: list[tuple[bytes, int, int]] = field(default_factory=list)  # (header, offset, length) in the source
    software: str | None = None
    damage: list[str] = field(default_factory=list)


def find_blocks(source: ByteSource, picture_format: str) -> Blocks:
    """The metadata blocks of a file of the given format (photo.sniff). Never raises for broken content, only OSError."""
    finder = _FINDERS.get(picture_format)
    blocks = Blocks()
    if finder is not None:
        try:
            finder(source, blocks)
        except (struct.error, zlib.error, ValueError, IndexError) as error:
            blocks.damage.append(f"the {picture_format} structure around the metadata is broken ({error})")
    return blocks


def is_exv(head: bytes) -> bool:
    """Exiv2's metadata-only container, met under the name of a sidecar."""
    return head.startswith(_EXV_MARK)


def find_exv_blocks(source: ByteSource) -> Blocks:
    """The blocks of an EXV file: JPEG segments behind a different start."""
    blocks = Blocks()
    _walk_jpeg(source, blocks, len(_EXV_MARK))
    return blocks


def join_extended_xmp(source: ByteSource, blocks: Blocks, main: bytes) -> bytes | None:
    """The extended XMP packet that the main packet names by its GUID, when its parts are all there and not too large."""
    parts = []
    for header, offset, length in blocks.extended:
        guid, (total, at) = header[:32], struct.unpack(">II", header[32:40])
        if guid in main and total <= MAX_PACKET_BYTES:
            parts.append((at, source.read(offset, length)))
    joined = b"".join(part for _, part in sorted(parts))
    return joined if parts and len(joined) <= MAX_PACKET_BYTES else None


def _jpeg(source: ByteSource, blocks: Blocks) -> None:
    _walk_jpeg(source, blocks, 2)


def _walk_jpeg(source: ByteSource, blocks: Blocks, at: int) -> None:
    for _ in range(MAX_SEGMENTS):
        head = source.read(at, 4)
        if len(head) < 4:
            return
        if head[0] != 0xFF:  # stray bytes between segments: decoders skip them too
            stray = source.read(at, MAX_STRAY_BYTES).find(b"\xff")
            if stray < 0:
                return
            at += stray
            continue
        marker = head[1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in (0xDA, 0xD9):
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
            continue
        length = head[2] << 8 | head[3]
        if length < 2:
            return
        if marker == 0xE1:
            _jpeg_app1(source, blocks, at + 4, length - 2)
        at += 2 + length


def _jpeg_app1(source: ByteSource, blocks: Blocks, at: int, length: int) -> None:
    mark = source.read(at, min(length, 36))
    if mark.startswith(_EXIF_MARK):
        if blocks.exif is None and length > 6:
            blocks.exif = MemorySource(source.read(at + 6, length - 6))
    elif mark.startswith(_XMP_MARK):
        if blocks.xmp is None:
            blocks.xmp = source.read(at + len(_XMP_MARK), length - len(_XMP_MARK))
    elif mark.startswith(_EXTENDED_MARK) and length > 75 and len(blocks.extended) < 256:
        blocks.extended.append((source.read(at + 35, 40), at + 75, length - 75))


def _png(source: ByteSource, blocks: Blocks) -> None:
    at = 8
    for _ in range(MAX_CHUNKS):
        head = source.read(at, 8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return
        if kind == b"eXIf" and length <= MAX_EXIF_BYTES:
            blocks.exif = _exif_source(source.read(at + 8, length))
        elif kind in (b"iTXt", b"zTXt", b"tEXt") and length <= MAX_PACKET_BYTES:
            _png_text(kind, source.read(at + 8, length), blocks)
        at += 12 + length


def _png_text(kind: bytes, chunk: bytes, blocks: Blocks) -> None:
    keyword, _, rest = chunk.partition(b"\0")
    if keyword == _PNG_XMP and kind == b"iTXt" and blocks.xmp is None:
        compressed, body = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
        blocks.xmp = _inflate(body[2]) if compressed else body[2]
    elif keyword in (b"Raw profile type exif", b"Raw profile type APP1", b"Raw profile type xmp"):
        data = _raw_profile(_inflate(rest[1:]) if kind == b"zTXt" else rest)
        if keyword.endswith(b"xmp"):
            blocks.xmp = blocks.xmp or data
        elif blocks.exif is None and data.startswith(_EXIF_MARK):
            blocks.exif = _exif_source(data)
    elif keyword == b"Software" and kind == b"tEXt":
        blocks.software = rest[:200].decode("latin-1")


def _raw_profile(text: bytes) -> bytes:
    """ImageMagick's way before eXIf existed: name, length, then hexadecimal."""
    return bytes.fromhex(text.split(None, 2)[2].decode("ascii"))


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    text = inflater.decompress(data, MAX_PACKET_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError("compressed metadata larger than its limit")
    return text


def _webp(source: ByteSource, blocks: Blocks) -> None:
    at = 12
    for _ in range(MAX_CHUNKS):
        head = source.read(at, 8)
        if len(head) < 8:
            return
        kind, length = struct.unpack("<4sI", head)
        if kind == b"EXIF" and blocks.exif is None and length <= MAX_EXIF_BYTES:
            blocks.exif = _exif_source(source.read(at + 8, length))
        elif kind == b"XMP " and blocks.xmp is None and length <= MAX_PACKET_BYTES:
            blocks.xmp = source.read(at + 8, length)
        at += 8 + length + (length & 1)


def _exif_source(data: bytes) -> MemorySource:
    """Some writers put JPEG's own mark before the TIFF structure in other containers too."""
    return MemorySource(data[6:] if data.startswith(_EXIF_MARK) else data)


def _gif(source: ByteSource, blocks: Blocks) -> None:
    data = source.read(0, MAX_GIF_BYTES)
    start = data.find(_GIF_MARK)
    if start >= 0:
        start += len(_GIF_MARK)
        end = data.find(b"\x01\xff\xfe\xfd", start)  # the "magic trailer" that lets old readers skip the packet
        blocks.xmp = data[start:end] if end >= 0 else data[start : start + MAX_PACKET_BYTES]


def _tiff(source: ByteSource, blocks: Blocks) -> None:
    blocks.exif = source  # its XMP is a tag of the first directory


def _heif(source: ByteSource, blocks: Blocks) -> None:
    from landsight.photo.heif_items import find_items  # few photos are HEIF: no cost for the others

    items = find_items(source)
    if items.exif is not None and len(items.exif) > 4:
        (skip,) = struct.unpack_from(">I", items.exif)
        block = items.exif[4 + skip :] if skip < len(items.exif) - 4 else items.exif[4:]
        blocks.exif = _exif_source(block)
    blocks.xmp = items.xmp


_FINDERS = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "gif": _gif,
    "heif": _heif,
    "avif": _heif,
    **dict.fromkeys(("tiff", "cr2", "nef", "arw", "dng"), _tiff),
}
