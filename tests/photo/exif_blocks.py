"""EXIF blocks and their containers, built byte by byte, so that broken ones can be built too."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SLONG, SRATIONAL = 1, 2, 3, 4, 5, 7, 9, 10
Value = tuple[int, int, bytes]  # type, count, bytes of the value
Directory = Mapping[int, Value]


def text(value: str) -> Value:
    raw = value.encode() + b"\0"
    return ASCII, len(raw), raw


def short(value: int, order: str = "<") -> Value:
    return SHORT, 1, struct.pack(order + "H", value)


def rationals(*pairs: tuple[int, int], order: str = "<", kind: int = RATIONAL) -> Value:
    code = "I" if kind == RATIONAL else "i"
    return kind, len(pairs), b"".join(struct.pack(f"{order}2{code}", *pair) for pair in pairs)


def exif_block(ifd0: Directory, exif: Directory | None = None, gps: Directory | None = None, order: str = "<") -> bytes:
    """A TIFF structure with up to three directories."""
    parts = [(dict(ifd0), None), (exif, 0x8769), (gps, 0x8825)]
    directories = [(dict(d), pointer) for d, pointer in parts if d is not None]
    at, starts = 8, []
    for index, (directory, _) in enumerate(directories):
        entries = len(directory) + (len(directories) - 1 if index == 0 else 0)
        starts.append(at)
        at += 2 + 12 * entries + 4 + sum(len(raw) for _, _, raw in directory.values() if len(raw) > 4)
    for start, (_, pointer) in list(zip(starts, directories, strict=True))[1:]:
        directories[0][0][pointer or 0] = (LONG, 1, struct.pack(order + "I", start))
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for start, (directory, _) in zip(starts, directories, strict=True):
        out += _directory(directory, start, order)
    return out


def _directory(directory: Directory, start: int, order: str) -> bytes:
    table, values = struct.pack(order + "H", len(directory)), b""
    where = start + 2 + 12 * len(directory) + 4
    for tag, (kind, count, raw) in sorted(directory.items()):
        inline = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(order + "I", where + len(values))
        values += raw if len(raw) > 4 else b""
        table += struct.pack(order + "HHI", tag, kind, count) + inline
    return table + struct.pack(order + "I", 0) + values


def gps_directory(latitude: Value | None, longitude: Value | None, refs: Sequence[str] = ("N", "E"), **extra: Value) -> dict[int, Value]:
    """GPS tags 1 to 4; ``extra`` as tag_0x1f=..."""
    tags: dict[int, Value] = {}
    for tag, value in ((2, latitude), (4, longitude)):
        if value is not None:
            tags[tag] = value
    for tag, ref in zip((1, 3), refs, strict=True):
        if ref:
            tags[tag] = text(ref)
    return tags | {int(name.removeprefix("tag_"), 16): value for name, value in extra.items()}


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    """SOI, the segments, and a scan that is none."""
    body = b"".join(b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data for marker, data in segments)
    return b"\xff\xd8" + body + b"\xff\xda\x00\x02" + b"\0" * 8 + b"\xff\xd9"


def app1_exif(block: bytes) -> tuple[int, bytes]:
    return 0xE1, b"Exif\0\0" + block


def app1_xmp(packet: bytes) -> tuple[int, bytes]:
    return 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in (*chunks, (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return out


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(k + struct.pack("<I", len(d)) + d + b"\0" * (len(d) & 1) for k, d in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + kind + data


def heif(exif: bytes, xmp: bytes) -> bytes:
    """Two items without a picture: EXIF in the file (method 0), XMP in idat (method 1)."""
    infe = box(b"infe", b"\2\0\0\0" + struct.pack(">HH4s", 1, 0, b"Exif") + b"\0")
    infe += box(b"infe", b"\2\0\0\0" + struct.pack(">HH4s", 2, 0, b"mime") + b"\0application/rdf+xml\0")
    iinf = box(b"iinf", b"\0\0\0\0" + struct.pack(">H", 2) + infe)
    payload = struct.pack(">I", 6) + b"Exif\0\0" + exif
    head = box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(offset: int) -> bytes:
        iloc = b"\1\0\0\0" + bytes([0x44, 0]) + struct.pack(">H", 2)
        iloc += struct.pack(">HHHHII", 1, 0, 0, 1, offset, len(payload))
        iloc += struct.pack(">HHHHII", 2, 1, 0, 1, 0, len(xmp))
        return box(b"meta", b"\0\0\0\0" + iinf + box(b"iloc", iloc) + box(b"idat", xmp))

    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", payload)


def gif(packet: bytes) -> bytes:
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0\0"
    return b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xff\x0bXMP DataXMP" + packet + trailer + b";"


def packet(attributes: str = "", children: str = "") -> bytes:
    """An XMP packet with one description; the usual prefixes are declared."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
        ' xmlns:drone="http://www.dji.com/drone-dji/1.0/" xmlns:iptc="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f" {attributes}>{children}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
