"""JPEG: scaled decoding against the full one, headers, profiles, and how damage is measured."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from landsight.errors import PhotoError
from landsight.photo import jpeg
from landsight.photo.limits import Limits
from picture_factory import QUARTERS, corners, encode, near, quarter_colours, smooth

LIMITS = Limits()


def decode(data: bytes, decode_px: int | None = None, limits: Limits = LIMITS) -> jpeg.Decoded:
    return jpeg.decode(data, limits=limits, decode_px=decode_px)


def codes(found: jpeg.Decoded) -> list[str]:
    return [warning.code for warning in found.warnings]


@pytest.mark.parametrize(
    ("decode_px", "expected"), [(None, (480, 640)), (480, (480, 640)), (200, (240, 320)), (60, (60, 80)), (10, (60, 80)), (900, (480, 640))]
)
def test_the_smallest_eighth_with_both_sides_long_enough(decode_px: int | None, expected: tuple[int, int]) -> None:
    found = decode(encode(smooth(640, 480), "JPEG", quality=95), decode_px)
    assert found.image_hwc_u8.shape == (*expected, 3)
    assert found.size_px == (640, 480)
    assert found.applied is None
    assert found.warnings == ()


@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_scaled_is_the_full_picture_reduced(sampling: int, progressive: bool) -> None:
    data = encode(smooth(640, 480), "JPEG", quality=95, subsampling=sampling, progressive=progressive)
    full = Image.fromarray(decode(data).image_hwc_u8)
    for factor, decode_px in ((2, 240), (4, 120), (8, 60)):
        reduced = np.asarray(full.reduce(factor)).astype(int)
        difference = np.abs(decode(data, decode_px).image_hwc_u8 - reduced)
        assert difference.mean() <= 2
        # With colour halved in one direction only (sampling 1) the colour planes come out up to half a sample aside.
        assert difference.max() <= (5 if sampling == 1 else 2)


def test_grey() -> None:
    found = decode(encode(Image.new("L", (40, 30), 90), "JPEG"))
    assert found.image_hwc_u8.shape == (30, 40, 3)
    assert found.image_hwc_u8[5, 5].tolist() == [90] * 3


@pytest.mark.parametrize("decode_px", [None, 16])
def test_cmyk_is_read_by_the_second_decoder(decode_px: int | None) -> None:
    found = decode(encode(corners(256, 128).convert("CMYK"), "JPEG", quality=95), decode_px)
    assert near(quarter_colours(found.image_hwc_u8), QUARTERS, 6)
    assert found.size_px == (256, 128)
    assert decode_px is None or found.image_hwc_u8.shape[0] < 128


def test_header_without_decoding() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    header = jpeg.read_header(encode(corners(96, 64), "JPEG", icc_profile=profile, progressive=True))
    assert header is not None
    assert (header.width, header.height, header.components, header.bits, header.frame) == (96, 64, 3, 8, 0xC2)
    assert header.profile == profile
    assert not header.is_lossless


def test_a_profile_in_several_segments_is_joined_in_order() -> None:
    def segment(number: int, count: int, body: bytes) -> bytes:
        return b"\xff\xe2" + struct.pack(">H", 16 + len(body)) + b"ICC_PROFILE\0" + bytes([number, count]) + body

    plain = encode(corners(), "JPEG")
    both = plain[:2] + segment(2, 2, b"world") + segment(1, 2, b"hello ") + plain[2:]
    header = jpeg.read_header(both)
    assert header is not None
    assert header.profile == b"hello world"
    missing = jpeg.read_header(plain[:2] + segment(2, 2, b"world") + plain[2:])
    assert missing is not None
    assert missing.profile == b""
    assert codes(decode(both)) == ["colour_profile_broken"]


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8" + b"\xff" * 50, b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xc0\x00\x02" + b"\0" * 3]
)
def test_no_frame_no_header(data: bytes) -> None:
    assert jpeg.read_header(data) is None
    with pytest.raises(PhotoError) as caught:
        decode(data)
    assert caught.value.code == "damaged"


def test_declared_pixels_are_checked_before_decoding() -> None:
    data = bytearray(encode(corners(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 60000, 60000)
    with pytest.raises(PhotoError) as caught:
        decode(bytes(data))
    assert caught.value.code == "too_many_pixels"
    assert "60000 x 60000" in caught.value.reason


def test_only_the_end_marker_missing_is_no_damage() -> None:
    data = encode(smooth(320, 240), "JPEG", quality=90)
    found = decode(data[:-2])
    assert codes(found) == []
    assert np.array_equal(found.image_hwc_u8, decode(data).image_hwc_u8)


@pytest.mark.parametrize("decode_px", [None, 100])
@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_damage_is_measured_in_picture_not_in_bytes(mode: str, decode_px: int | None) -> None:
    noise = np.random.default_rng(1).integers(60, 200, (400, 400, 3), dtype=np.uint8)
    # Noise everywhere, so that equal shares of the file are equal shares of the picture.
    data = encode(Image.fromarray(noise).convert(mode), "JPEG", quality=90)
    most = decode(data[: len(data) * 8 // 10], decode_px)
    assert codes(most) == ["damaged"]
    percent = int(most.warnings[0].text.split(" %")[0].split()[-1])
    assert 70 <= percent <= 82
    with pytest.raises(PhotoError) as caught:
        decode(data[: len(data) * 3 // 10], decode_px)
    assert caught.value.code == "damaged"


def test_a_progressive_file_cut_in_its_later_scans_is_whole_but_coarse() -> None:
    data = encode(smooth(320, 240), "JPEG", quality=90, progressive=True)
    found = decode(data[: data.rindex(b"\xff\xda")])
    assert codes(found) in ([], ["damaged"])
    assert np.abs(found.image_hwc_u8.astype(int) - decode(data).image_hwc_u8).mean() < 6


def test_filling_bytes_before_the_end_are_no_damage() -> None:
    data = encode(smooth(64, 64), "JPEG")
    assert codes(decode(data[:-2] + b"\0" + data[-2:])) == []


@pytest.mark.data
def test_camera_photos_scaled_against_full(data_dir: Path) -> None:
    for path in sorted((data_dir / "camera").glob("*.jpg")):
        data = path.read_bytes()
        scaled = decode(data, 224)
        assert min(scaled.image_hwc_u8.shape[:2]) >= 224
        assert scaled.warnings == ()
        full = Image.fromarray(decode(data).image_hwc_u8)
        assert full.size == scaled.size_px
        reduced = np.asarray(full.reduce(8)).astype(int)[: scaled.image_hwc_u8.shape[0], : scaled.image_hwc_u8.shape[1]]
        assert np.abs(scaled.image_hwc_u8 - reduced).mean() <= 2
