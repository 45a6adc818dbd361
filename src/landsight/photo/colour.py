"""Any colour to 8-bit sRGB: embedded profiles, alpha, depth."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from landsight.photo.facts import PhotoWarning
from landsight.photo.pixels import ImageU8, plain

_SRGB_NAMES: Final = (b"sRGB", b"s\0R\0G\0B")
_MODES_OF_SPACE: Final = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_WHITE: Final = (255, 255, 255)


def is_srgb(profile: bytes) -> bool:
    """Whether an ICC profile calls itself sRGB, so that there is nothing to convert.

    Reads the description tag alone (ICC.1:2010, 7.3): no colour engine, because nearly every camera JPEG that carries a
    profile carries this one. A malformed profile is answered False; the conversion then finds it broken.
    """
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        for index in range(min(count, 100)):
            tag, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
            if tag == b"desc":
                return any(name in profile[offset : offset + size] for name in _SRGB_NAMES)
    except struct.error:
        return False
    return False


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """Raises: PyCMSError, OSError, ValueError on a broken profile or one for another kind of picture."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)


def apply_profile(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, tuple[PhotoWarning, ...]]:
    """Convert RGB, L or CMYK to sRGB by the embedded profile; without one, or with sRGB's own, return the same image.

    A profile that is broken or made for another kind of picture leaves the pixels as they are, with a warning
    ``colour_profile_broken``.
    """
    if profile is None or (image.mode == "RGB" and is_srgb(profile)):
        return image, ()
    try:
        if _MODES_OF_SPACE.get(profile[16:20]) != image.mode:
            raise ValueError(f"a profile for {profile[16:20]!r} in a picture of mode {image.mode}")
        converted = ImageCms.applyTransform(image, _transform(profile, image.mode))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        return image, (PhotoWarning("colour_profile_broken", f"The embedded colour profile cannot be used: {plain(error)}"),)
    return (image if converted is None else converted), ()


def apply_profile_to_array(image_hwc_u8: ImageU8, profile: bytes | None) -> tuple[ImageU8, tuple[PhotoWarning, ...]]:
    """apply_profile for a decoded RGB array; the array itself comes back when there is nothing to convert."""
    if profile is None or is_srgb(profile):
        return image_hwc_u8, ()
    image = Image.fromarray(image_hwc_u8)
    converted, warnings = apply_profile(image, profile)
    return (image_hwc_u8 if converted is image else np.asarray(converted)), warnings


def to_rgb(image: Image.Image, profile: bytes | None = None) -> tuple[ImageU8, tuple[PhotoWarning, ...]]:
    """A loaded Pillow image of any mode as (h, w, 3) uint8 sRGB; alpha is laid over white."""
    image = _to_eight_bits(image)
    if image.mode in ("P", "PA", "1"):
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    alpha = None
    if image.mode in ("LA", "La", "RGBa", "RGBA", "RGBX") or "transparency" in image.info:
        image = _with_straight_alpha(image)
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    if image.mode == "LAB":
        image = _lab_to_rgb(image)
        profile = None
    # A palette or a grey picture with alpha has been turned to RGB already, and a profile for grey no longer fits.
    if profile is not None and profile[16:20] == b"GRAY" and image.mode == "RGB":
        profile = None
    image, warnings = apply_profile(image, profile)
    image = image if image.mode == "RGB" else image.convert("RGB")
    if alpha is not None and alpha.getextrema()[0] != 255:
        image = Image.composite(image, Image.new("RGB", image.size, _WHITE), alpha)
    return np.asarray(image), warnings


def _with_straight_alpha(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode == "RGBX":
        return image.convert("RGB").convert("RGBA")
    return image if image.mode == "RGBA" else image.convert("RGBA")


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    converted = ImageCms.applyTransform(image, transform)
    return image if converted is None else converted


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or floats to 8 bits, scaled and not clipped; other modes come back as they are.

    16 bits: 65535 becomes 255. 32-bit integers and floats name no white in the file: a float picture within 0..1 has
    its white at 1, an integer one within 0..65535 at 65535; anything else is stretched from its least to its largest value.
    """
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode not in ("I", "F"):
        return image
    numbers = np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = 0.0, (65535.0 if image.mode == "I" else 1.0)
    if numbers.min() < low or numbers.max() > high:
        low, high = float(numbers.min()), float(numbers.max())
    scaled = (numbers - low) * 255.0 / max(high - low, 1e-12)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))
