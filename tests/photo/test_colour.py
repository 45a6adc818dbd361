"""Colour: depth, alpha, palettes and profiles, by hand-made values."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from landsight.photo.colour import apply_profile, apply_profile_to_array, is_srgb, to_rgb


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def one(image: Image.Image, profile: bytes | None = None) -> list[int]:
    pixels, warnings = to_rgb(image, profile)
    assert warnings == ()
    assert pixels.dtype == np.uint8
    return pixels[0, 0].tolist()


@pytest.mark.parametrize(
    ("value", "expected"),
    # value / 257, rounded: 0x8000 = 32768 -> 127.50 -> 128; 129 / 257 = 0.502 -> 1
    [(0, 0), (65535, 255), (32768, 128), (257, 1), (129, 1), (128, 0)],
)
def test_16_bits_are_scaled_not_clipped(value: int, expected: int) -> None:
    image = Image.fromarray(np.full((2, 2), value, np.uint16))
    assert image.mode == "I;16"
    assert one(image) == [expected] * 3


def test_32_bit_integers_have_their_white_at_65535_or_are_stretched() -> None:
    assert one(Image.fromarray(np.full((2, 2), 65535, np.int32))) == [255] * 3
    pixels, _ = to_rgb(Image.fromarray(np.array([[-100, 300_000]], np.int32)))
    assert pixels[0, :, 0].tolist() == [0, 255]


def test_floats_have_their_white_at_one_or_are_stretched() -> None:
    assert one(Image.fromarray(np.full((2, 2), 0.5, np.float32))) == [128] * 3
    pixels, _ = to_rgb(Image.fromarray(np.array([[0.0, 50.0, 100.0, np.nan]], np.float32)))
    assert pixels[0, :, 0].tolist() == [0, 128, 255, 0]


def test_alpha_lies_over_white() -> None:
    # 255 - (255 - 100) * 51 / 255 = 224
    assert one(Image.new("RGBA", (2, 2), (100, 100, 255, 51))) == [224, 224, 255]
    assert one(Image.new("LA", (2, 2), (0, 0))) == [255] * 3
    assert one(Image.new("LA", (2, 2), (7, 255))) == [7] * 3


def test_palette_and_bilevel() -> None:
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert one(palette) == [10, 20, 30]
    palette.info["transparency"] = 1
    assert one(palette) == [255] * 3
    assert one(Image.new("1", (2, 2), 1)) == [255] * 3


def test_a_colour_named_transparent() -> None:
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (9, 9, 9))
    image.info["transparency"] = (1, 2, 3)
    assert to_rgb(image)[0].tolist() == [[[255] * 3, [9] * 3]]


def test_cmyk_and_lab() -> None:
    assert one(Image.new("CMYK", (2, 2), (0, 255, 255, 0))) == [255, 0, 0]
    # L 255 is L* 100: white.
    assert min(one(Image.new("LAB", (2, 2), (255, 128, 128)))) >= 253


def test_srgb_is_known_by_its_name_alone() -> None:
    profile = srgb_profile()
    assert is_srgb(profile)
    pixels = np.zeros((2, 2, 3), np.uint8)
    same, warnings = apply_profile_to_array(pixels, profile)
    assert same is pixels
    assert warnings == ()
    assert not is_srgb(profile[:130])
    assert not is_srgb(b"")
    assert not is_srgb(b"\xff" * 400)


def swapped_profile() -> bytes:
    """sRGB with its red and green colorants exchanged and another name."""
    profile = srgb_profile().replace(b"s\0R\0G\0B", b"X\0R\0G\0B").replace(b"sRGB", b"XRGB")
    return profile.replace(b"rXYZ", b"tmp!").replace(b"gXYZ", b"rXYZ").replace(b"tmp!", b"gXYZ")


def test_another_profile_is_applied() -> None:
    red, green = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    red[:, :, 0], green[:, :, 1] = 255, 255
    found, warnings = apply_profile_to_array(red, swapped_profile())
    assert warnings == ()
    assert np.abs(found.astype(int) - green).max() <= 3


@pytest.mark.parametrize("profile", [b"garbage", b"\0" * 500, b""])
def test_a_broken_profile_warns_and_leaves_the_pixels(profile: bytes) -> None:
    pixels = np.full((2, 2, 3), 77, np.uint8)
    found, warnings = apply_profile_to_array(pixels, profile)
    assert np.array_equal(found, pixels)
    assert [warning.code for warning in warnings] == ["colour_profile_broken"]
    assert "\n" not in warnings[0].text


def test_a_profile_for_another_kind_of_picture_is_not_applied() -> None:
    cut = srgb_profile()[:16] + b"CMYK" + srgb_profile()[20:]
    image = Image.new("L", (2, 2), 50)
    found, warnings = apply_profile(image, cut)
    assert found is image
    assert [warning.code for warning in warnings] == ["colour_profile_broken"]


def test_grey_profile_on_grey() -> None:
    linear = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())).tobytes()
    found, warnings = apply_profile(Image.new("L", (2, 2), 50), linear)
    # An RGB profile in a grey file: told, not applied.
    assert found.getpixel((0, 0)) == 50
    assert len(warnings) == 1
