"""The formats that Pillow decodes: modes, frames, sizes, shrinking, damage."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from landsight.errors import PhotoError
from landsight.photo import raster
from landsight.photo.limits import Limits
from picture_factory import QUARTERS, corners, encode, near, quarter_colours, smooth, stored, with_orientation

LIMITS = Limits()
LOSSLESS = [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("BMP", {}), ("GIF", {})]


def decode(data: bytes, kind: str, decode_px: int | None = None, limits: Limits = LIMITS) -> raster.Decoded:
    return raster.decode(data, kind.lower(), limits=limits, decode_px=decode_px)


def codes(found: raster.Decoded) -> list[str]:
    return [warning.code for warning in found.warnings]


@pytest.mark.parametrize(("name", "options"), LOSSLESS)
@pytest.mark.parametrize("decode_px", [None, 16])
def test_every_lossless_format(name: str, options: dict[str, object], decode_px: int | None) -> None:
    found = decode(encode(corners(96, 64), name, **options), name, decode_px)
    assert quarter_colours(found.image_hwc_u8) == QUARTERS
    assert found.size_px == (96, 64)
    # 64 // 16 = 4
    assert found.image_hwc_u8.shape == ((64, 96, 3) if decode_px is None else (16, 24, 3))
    assert found.warnings == ()


def test_avif() -> None:
    found = decode(encode(corners(96, 64), "AVIF", quality=95), "avif")
    assert near(quarter_colours(found.image_hwc_u8), QUARTERS, 4)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "I;16", "CMYK", "F", "I", "LAB"])
@pytest.mark.parametrize("decode_px", [None, 8])
def test_every_mode_becomes_rgb(mode: str, decode_px: int | None) -> None:
    grey = Image.new("L", (32, 32), 255)
    if mode == "I;16":
        image = Image.fromarray(np.full((32, 32), 65535, np.uint16))
    elif mode in ("F", "I"):
        image = Image.fromarray(np.full((32, 32), 1.0 if mode == "F" else 65535, np.float32 if mode == "F" else np.int32))
    elif mode == "LAB":
        image = Image.new("LAB", (32, 32), (255, 128, 128))
    else:
        image = grey.convert("RGB").convert(mode) if mode != "LA" else grey.convert("LA")
    found = decode(encode(image, "TIFF"), "tiff", decode_px)
    assert found.image_hwc_u8.dtype == np.uint8
    assert found.image_hwc_u8.shape[2] == 3
    assert found.image_hwc_u8.min() >= 250


def test_png_of_16_bits() -> None:
    image = Image.fromarray(np.array([[0, 32768, 65535]], np.uint16))
    assert decode(encode(image, "PNG"), "png").image_hwc_u8[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "I;16", "RGB"])
@pytest.mark.parametrize("decode_px", [None, 8])
def test_png_with_a_transparent_colour(mode: str, decode_px: int | None) -> None:
    black = Image.fromarray(np.zeros((32, 32), np.uint16)) if mode == "I;16" else Image.new(mode, (32, 32))
    data = encode(black, "PNG", transparency=(0, 0, 0) if mode == "RGB" else 0)
    pixels = decode(data, "png", decode_px).image_hwc_u8
    # Pillow drops the transparent value of 16-bit grey; every other black becomes the white below it.
    assert pixels.min() == pixels.max() == (0 if mode == "I;16" else 255)


def test_shrinking_is_averaging() -> None:
    image = smooth(320, 240)
    found = decode(encode(image, "PNG"), "png", 60)
    assert np.array_equal(found.image_hwc_u8, np.asarray(image.reduce(4)))


def test_shrinking_a_palette_averages_colours_not_indices() -> None:
    image = Image.new("P", (4, 4))
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.putdata([0, 1] * 8)
    assert decode(encode(image, "PNG"), "png", 2).image_hwc_u8[0, 0].tolist() == [100, 50, 25]


@pytest.mark.parametrize("name", ["TIFF", "GIF", "PNG", "WEBP"])
def test_several_frames_are_told_and_the_first_is_used(name: str) -> None:
    other = Image.new("RGB", (96, 64), (1, 1, 1))
    found = decode(encode(corners(), name, save_all=True, append_images=[other], **({"lossless": True} if name == "WEBP" else {})), name)
    assert codes(found) == ["multi_frame"]
    assert quarter_colours(found.image_hwc_u8) == QUARTERS


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["TIFF", "AVIF"])
def test_containers_with_an_orientation_of_their_own(name: str, orientation: int) -> None:
    options: dict[str, object] = {"quality": 95} if name == "AVIF" else {}
    found = decode(encode(stored(corners(), orientation), name, exif=with_orientation(orientation), **options), name, 32)
    assert found.applied == orientation
    assert found.size_px == (96, 64)
    assert near(quarter_colours(found.image_hwc_u8), QUARTERS, 4)


@pytest.mark.parametrize("name", ["PNG", "BMP", "GIF"])
def test_damage_is_measured(name: str) -> None:
    noise = Image.fromarray(np.random.default_rng(2).integers(0, 256, (300, 300), dtype=np.uint8))
    data = encode(noise, name)
    most = decode(data[: len(data) * 8 // 10], name)
    assert codes(most) == ["damaged"]
    with pytest.raises(PhotoError) as caught:
        decode(data[: len(data) * 3 // 10], name)
    assert caught.value.code == "damaged"
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"])
def test_nothing_but_a_head_is_damaged(name: str) -> None:
    with pytest.raises(PhotoError) as caught:
        decode(encode(corners(), name)[:30], name)
    assert caught.value.code == "damaged"
    assert "0x" not in caught.value.reason


def test_one_format_is_never_read_as_another() -> None:
    with pytest.raises(PhotoError):
        decode(encode(corners(), "BMP"), "png")


def huge(kind: str) -> bytes:
    if kind == "png":
        data = bytearray(encode(corners(), "PNG"))
        data[16:24] = struct.pack(">II", 100_000, 100_000)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        return bytes(data)
    if kind == "gif":
        data = bytearray(encode(corners(), "GIF"))
        data[6:10] = struct.pack("<HH", 65535, 65535)
        return bytes(data)
    if kind == "bmp":
        data = bytearray(encode(corners(), "BMP"))
        data[18:26] = struct.pack("<ii", 100_000, 100_000)
        return bytes(data)
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16382).to_bytes(3, "little") + (16382).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@pytest.mark.parametrize("kind", ["png", "gif", "bmp", "webp"])
def test_declared_pixels_are_checked_before_decoding(kind: str) -> None:
    with pytest.raises(PhotoError) as caught:
        decode(huge(kind), kind)
    assert caught.value.code == "too_many_pixels"


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"exif": with_orientation(1), "lossless": True}])
def test_webp_that_cannot_fit_is_refused_before_decoding(options: dict[str, object]) -> None:
    data = encode(corners(96, 64), "WEBP", **options)
    # 96 * 64 pixels of 8 bytes are 49,152.
    assert decode(data, "webp", limits=Limits(max_memory=49_152)).size_px == (96, 64)
    with pytest.raises(PhotoError) as caught:
        decode(data, "webp", limits=Limits(max_memory=49_151))
    assert caught.value.code == "too_much_memory"
    with pytest.raises(PhotoError) as caught:
        decode(data, "webp", limits=Limits(max_pixels=96 * 64 - 1))
    assert caught.value.code == "too_many_pixels"


def test_pillow_is_left_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    data = encode(corners(), "PNG")
    decode(data, "png")
    with pytest.raises(PhotoError):
        decode(data[: len(data) // 3], "png")
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_a_broken_profile_leaves_the_picture() -> None:
    found = decode(encode(corners(), "PNG", icc_profile=b"no profile at all"), "png")
    assert codes(found) == ["colour_profile_broken"]
    assert quarter_colours(found.image_hwc_u8) == QUARTERS
