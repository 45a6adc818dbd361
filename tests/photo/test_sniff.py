"""Formats are told by content: hand-made heads, every prefix of them, and the whole hostile folder."""

from __future__ import annotations

import csv
import io
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from landsight.photo.sniff import FORMATS, describe_unread, sniff


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = major + b"\0\0\0\0" + b"".join(compatible)
    return struct.pack(">I", len(body) + 8) + b"ftyp" + body


def tiff_head(order: str, entries: list[tuple[int, int, int, bytes]], tail: bytes = b"") -> bytes:
    magic = b"II*\0" if order == "<" else b"MM\0*"
    body = b"".join(struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return magic + struct.pack(order + "IH", 8, len(entries)) + body + b"\0\0\0\0" + tail


def with_make(order: str, make: bytes, *, sub: bool) -> bytes:
    entries = [(271, 2, len(make), b"")]
    if sub:
        entries.append((330, 4, 1, struct.pack(order + "I", 500)))
    where = 8 + 2 + 12 * len(entries) + 4
    entries[0] = (271, 2, len(make), struct.pack(order + "I", where))
    return tiff_head(order, entries, make)


HEADS: list[tuple[bytes, str | None]] = [
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "jpeg"),
    (b"\xff\xd8\xff\x00", "jpeg"),
    (b"\xff\xd8", None),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "png"),
    (b"RIFF\x10\0\0\0WEBPVP8 ", "webp"),
    (b"RIFF\x10\0\0\0WAVEfmt ", None),
    (b"GIF89a\x01\0\x01\0", "gif"),
    (b"GIF88a\x01\0\x01\0", None),
    (b"BM" + bytes(12) + struct.pack("<I", 40), "bmp"),
    (b"BM, a letter to Mr. Smith", None),
    (ftyp(b"heic", b"mif1"), "heif"),
    (ftyp(b"mif1", b"heic"), "heif"),
    (ftyp(b"mif1", b"avif", b"miaf"), "avif"),
    (ftyp(b"avif"), "avif"),
    (ftyp(b"avis", b"msf1"), "avif"),
    (ftyp(b"isom", b"mp41"), None),
    (ftyp(b"qt  "), None),
    (ftyp(b"crx ", b"heix"), None),
    (tiff_head("<", []), "tiff"),
    (tiff_head(">", []), "tiff"),
    (b"II+\0\x08\0\0\0", "tiff"),
    (b"II*\0\x10\0\0\0CR\x02\0", "cr2"),
    (tiff_head(">", [(50706, 1, 4, b"\x01\x04\0\0")]), "dng"),
    (with_make(">", b"NIKON CORPORATION\0", sub=True), "nef"),
    (with_make("<", b"SONY\0\0", sub=True), "arw"),
    (with_make(">", b"NIKON CORPORATION\0", sub=False), "tiff"),
    (b"", None),
    (b"<?xpacket begin=", None),
    (b"PK\x03\x04", None),
    (b"%!PS-Adobe-3.0 EPSF", None),
    (b"push graphic-context", None),
]


@pytest.mark.parametrize(("head", "expected"), HEADS)
def test_format_by_content(head: bytes, expected: str | None) -> None:
    assert sniff(head) == expected


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "empty"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b"\xef\xbb\xbf<?xml version=", "XML"),
        (b"hello there", "text"),
        (b"\0\1\2", "unknown content"),
        (ftyp(b"isom"), "a video or another ISO media file"),
    ],
)
def test_what_is_not_read_is_named(head: bytes, words: str) -> None:
    assert describe_unread(head) == words


@given(st.binary(max_size=200), st.sampled_from([head for head, _ in HEADS]), st.integers(0, 60))
def test_any_bytes_give_a_known_answer(noise: bytes, head: bytes, keep: int) -> None:
    mixed = head[:keep] + noise
    assert sniff(mixed) in (*FORMATS, None)
    assert describe_unread(mixed)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"])
def test_what_pillow_writes(name: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 100, 50)).save(out, name)
    assert sniff(out.getvalue()[:4096]) == name.lower()


@pytest.mark.data
def test_hostile_files_that_are_photos_are_recognised(data_dir: Path) -> None:
    with (data_dir / "hostile" / "INDEX.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["expected"] == "photo" and "!" not in row["file"]]
    wrong = []
    for row in rows:
        found = sniff((data_dir / "hostile" / row["file"]).read_bytes()[:4096])
        if found != row["sniffed_format"]:
            wrong.append((row["file"], row["sniffed_format"], found))
    assert len(rows) > 100
    assert wrong == []


@pytest.mark.data
def test_original_photos_are_recognised(data_dir: Path) -> None:
    with (data_dir / "photos_exif" / "INDEX.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["file_type"]]
    # One JPEG carries DNG tags in its metadata, which makes ExifTool call it DNG.
    kinds = {"HEIC": {"heif"}, "EXTENDED WEBP": {"webp"}, "DNG": {"dng", "jpeg"}} | {k.upper(): {k} for k in FORMATS if k != "dng"}
    wrong = []
    for row in rows:
        found = sniff((data_dir / "photos_exif" / row["file"]).read_bytes()[:4096])
        if found not in kinds.get(row["file_type"].upper(), {None}):
            wrong.append((row["file_type"], found))
    assert wrong == []
