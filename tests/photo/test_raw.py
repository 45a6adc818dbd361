"""Previews of raw files: hand-made TIFF structures around real JPEGs, and ones that bite."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landsight.errors import PhotoError
from landsight.photo import raw
from landsight.photo.limits import Limits
from picture_factory import QUARTERS, corners, encode, near, quarter_colours

LIMITS = Limits()
SMALL = encode(corners(48, 32), "JPEG", quality=95)
LARGE = encode(corners(192, 128), "JPEG", quality=95)
# Sensor data as CR2 and DNG store it: a JPEG whose frame says lossless (SOF3), larger than any preview.
LOSSLESS = b"\xff\xd8\xff\xc3\x00\x11\x08" + struct.pack(">HH", 4000, 6000) + b"\x03" + bytes(9) + b"\xff\xda" + bytes(20) + b"\xff\xd9"


class Builder:
    """Appends blobs and directories; offsets are known as they are written."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.data = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4))

    def blob(self, content: bytes) -> int:
        at = len(self.data)
        self.data += content + b"\0" * (len(content) % 2)
        return at

    def directory(self, tags: dict[int, int | list[int]], following: int = 0) -> int:
        entries = b""
        for tag, value in sorted(tags.items()):
            values = value if isinstance(value, list) else [value]
            where = values[0] if len(values) == 1 else self.blob(struct.pack(f"{self.order}{len(values)}I", *values))
            entries += struct.pack(self.order + "HHII", tag, 4, len(values), where)
        return self.blob(struct.pack(self.order + "H", len(tags)) + entries + struct.pack(self.order + "I", following))

    def first(self, at: int) -> bytes:
        self.data[4:8] = struct.pack(self.order + "I", at)
        return bytes(self.data)


def raw_file(order: str = "<") -> bytes:
    """A small preview in the chain, a large one in a sub-directory, sensor data beside it."""
    out = Builder(order)
    small, large, sensor = out.blob(SMALL), out.blob(LARGE), out.blob(LOSSLESS)
    preview = out.directory({513: large, 514: len(LARGE)})
    pixels = out.directory({273: sensor, 279: len(LOSSLESS)})
    second = out.directory({513: small, 514: len(SMALL)})
    return out.first(out.directory({330: [preview, pixels]}, second))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["cr2", "nef", "arw", "dng"])
def test_the_largest_preview_is_used(order: str, kind: str) -> None:
    found = raw.decode(raw_file(order), kind, limits=LIMITS, decode_px=None)
    assert found.size_px == (192, 128)
    assert near(quarter_colours(found.image_hwc_u8), QUARTERS, 4)
    assert found.applied is None
    assert raw.decode(raw_file(order), kind, limits=LIMITS, decode_px=32).image_hwc_u8.shape == (32, 48, 3)


def test_a_preview_in_one_strip() -> None:
    out = Builder(">")
    strip = out.blob(LARGE)
    assert raw.largest_preview(out.first(out.directory({273: strip, 279: len(LARGE)}))) == LARGE


def test_sensor_data_alone_is_unsupported() -> None:
    out = Builder("<")
    sensor = out.blob(LOSSLESS)
    data = out.first(out.directory({273: sensor, 279: len(LOSSLESS)}))
    assert raw.largest_preview(data) is None
    with pytest.raises(PhotoError) as caught:
        raw.decode(data, "dng", limits=LIMITS, decode_px=None)
    assert caught.value.code == "unsupported"


def test_directories_in_a_circle_end() -> None:
    out = Builder("<")
    large = out.blob(LARGE)
    at = len(out.data)
    out.directory({330: at, 513: large, 514: len(LARGE)}, at)
    assert raw.largest_preview(out.first(at)) == LARGE


@pytest.mark.parametrize(
    "tags",
    [
        {513: 0xFFFFFFFF, 514: 100},
        {513: 8, 514: 0xFFFFFFFF},
        {330: 0xFFFFFFFE},
        {330: [0xFFFFFFFF] * 200},
        {513: 8},
        {514: 8},
    ],
)
def test_wild_offsets_give_nothing(tags: dict[int, int | list[int]]) -> None:
    out = Builder("<")
    assert raw.largest_preview(out.first(out.directory(tags, 0xFFFFFFF0))) is None


def test_a_preview_cut_short_is_measured_like_any_jpeg() -> None:
    data = raw_file()
    at = data.index(LARGE)
    cut = data[:at] + LARGE[:-200] + bytes(200) + data[at + len(LARGE) :]
    found = raw.decode(cut, "nef", limits=LIMITS, decode_px=None)
    assert [warning.code for warning in found.warnings] == ["damaged"]


@given(st.data())
def test_no_mutation_raises(data: st.DataObject) -> None:
    content = bytearray(raw_file())
    for _ in range(data.draw(st.integers(1, 6))):
        # The directories stand at the end; the first directory's offset at the start.
        at = data.draw(st.one_of(st.integers(0, 7), st.integers(len(content) - 120, len(content) - 1)))
        content[at] = data.draw(st.integers(0, 255))
    preview = raw.largest_preview(bytes(content[: data.draw(st.integers(0, len(content)))]))
    assert preview is None or preview.startswith(b"\xff\xd8")
