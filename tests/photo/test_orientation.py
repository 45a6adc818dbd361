"""What orientation a file asks for."""

from __future__ import annotations

import struct

import pytest
from tests.photo.exif_blocks import BYTE, LONG, Value, exif_block, short, text

from landsight.photo import xmp
from landsight.photo.bytesource import MemorySource
from landsight.photo.orientation import read_orientation
from landsight.photo.tiff import ExifTags, read_tags


def tags(value: Value) -> ExifTags:
    return read_tags(MemorySource(exif_block({0x0112: value})))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_legal_values_in_exif_and_xmp(orientation: int) -> None:
    assert read_orientation(tags(short(orientation))) == (orientation, None)
    assert read_orientation(tags((LONG, 1, struct.pack("<I", orientation)))) == (orientation, None)
    assert read_orientation(None, {(xmp.TIFF, "Orientation"): str(orientation)}) == (orientation, None)


@pytest.mark.parametrize("illegal", [0, 9, 255, 65535])
def test_illegal_values_are_one_and_named(illegal: int) -> None:
    assert read_orientation(tags(short(illegal))) == (1, illegal)
    assert read_orientation(None, {(xmp.TIFF, "Orientation"): str(illegal)}) == (1, str(illegal))


def test_blank_and_text_are_one() -> None:
    assert read_orientation(tags((BYTE, 0, b""))) == (1, "blank")
    assert read_orientation(tags(text("6"))) == (1, "blank")


def test_exif_wins_over_xmp_and_nothing_is_one() -> None:
    assert read_orientation(tags(short(6)), {(xmp.TIFF, "Orientation"): "3"}) == (6, None)
    assert read_orientation(tags(short(0)), {(xmp.TIFF, "Orientation"): "3"}) == (1, 0)
    assert read_orientation(ExifTags(), {}) == (1, None)
