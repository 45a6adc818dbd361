"""JPEG: DCT-scaled decoding, strict first; what the strict decoder refuses is decoded leniently, and the damage is measured."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import simplejpeg

from landsight.photo import raster
from landsight.photo.colour import apply_profile_to_array
from landsight.photo.facts import PhotoWarning
from landsight.photo.limits import Limits
from landsight.photo.pixels import Decoded, ImageU8, as_photo_error, check_pixels, damage_warning

_SOS, _EOI, _APP2 = 0xDA, 0xD9, 0xE2
_NO_LENGTH: Final = frozenset({0x01, 0xD8, *range(0xD0, 0xD8)})
_FRAMES: Final = frozenset(set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC})
_LOSSLESS: Final = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
_MAX_SEGMENTS = 10_000
_ICC = b"ICC_PROFILE\0"

#: What libjpeg leaves where it had no data for a block: every coefficient zero, hence the middle of the range.
_NEUTRAL = 128
#: Complaints of libjpeg after which no pixel is missing or wrong (jerror.h: JWRN_NOT_SEQUENTIAL, JWRN_BOGUS_PROGRESSION,
#: JWRN_ADOBE_XFORM, and JWRN_EXTRANEOUS_DATA for a few filling bytes before the end marker, which some cameras write).
_HARMLESS = re.compile(
    r"invalid sos parameters|inconsistent progression|unknown adobe color|: \d{1,2} extraneous bytes before marker 0xd9", re.IGNORECASE
)
_NO_END = "Premature end of JPEG"


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """What stands before the first scan. ``frame`` is the SOF marker byte; ``profile`` the joined ICC segments, b"" if parts lack."""

    width: int
    height: int
    components: int
    bits: int
    frame: int
    profile: bytes | None

    @property
    def is_lossless(self) -> bool:
        """Sensor data of raw files is stored so; no picture decoder reads it."""
        return self.frame in _LOSSLESS


def read_header(data: bytes) -> JpegHeader | None:
    """Walk the segments up to the first scan, once, without decoding. None when no frame is found. Never raises."""
    frame: tuple[int, int, int, int, int] | None = None
    parts: list[bytes] = []
    at = 2
    for _ in range(_MAX_SEGMENTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            break
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or marker in _NO_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in (_SOS, _EOI):
            break
        length = (data[at + 2] << 8) | data[at + 3]
        if marker in _FRAMES and at + 10 <= len(data):
            frame = ((data[at + 7] << 8) | data[at + 8], (data[at + 5] << 8) | data[at + 6], data[at + 9], data[at + 4], marker)
        elif marker == _APP2 and data.startswith(_ICC, at + 4):
            parts.append(data[at + 16 : at + 2 + length])
        at += 2 + max(length, 2)
    return None if frame is None else JpegHeader(*frame, profile=_join_profile(parts))


def _join_profile(parts: list[bytes]) -> bytes | None:
    """Each part begins with its number from 1 and the count (ICC.1:2010, B.4)."""
    if not parts:
        return None
    if len(parts) == 1 and parts[0][:2] == b"\x01\x01":
        return parts[0][2:]
    ordered = sorted((part for part in parts if len(part) > 2), key=lambda part: part[0])
    if not ordered or [part[0] for part in ordered] != list(range(1, ordered[0][1] + 1)):
        return b""
    return b"".join(part[2:] for part in ordered)


def decode(data: bytes, *, limits: Limits, decode_px: int | None) -> Decoded:
    """Decode a JPEG, at the smallest eighth of its size that keeps both sides at least ``decode_px`` (None: full size).

    Raises: PhotoError (too_many_pixels before decoding; damaged below half of the picture; unsupported; too_much_memory).
    fastdct and fastupsample stay off: on camera photos at 1/8 they changed neither time nor pixels (benchmarks: the
    time goes into Huffman decoding).
    """
    header = read_header(data)
    if header is not None and header.height > 0:
        check_pixels(header.width, header.height, limits)
    if header is not None and (header.components == 4 or header.bits > 8):
        # CMYK needs its profile before it is turned to RGB; 12 bits make the fast decoder return an unwritten canvas.
        return raster.decode(data, "jpeg", limits=limits, decode_px=decode_px)
    smallest = decode_px or 0
    damage: tuple[PhotoWarning, ...] = ()
    try:
        pixels = simplejpeg.decode_jpeg(data, min_height=smallest, min_width=smallest)
    except MemoryError as error:
        raise as_photo_error(error, "JPEG") from error
    except ValueError as error:
        lenient = _decode_leniently(data, smallest, str(error))
        if lenient is None:
            return raster.decode(data, "jpeg", limits=limits, decode_px=decode_px)
        pixels, damage = lenient
    if header is None:
        return Decoded(pixels, (pixels.shape[1], pixels.shape[0]), warnings=damage)
    pixels, warnings = apply_profile_to_array(pixels, header.profile)
    return Decoded(pixels, (header.width, header.height), warnings=damage + warnings)


def _decode_leniently(data: bytes, smallest: int, complaint: str) -> tuple[ImageU8, tuple[PhotoWarning, ...]] | None:
    """What the strict decoder refused with ``complaint``; None when this decoder cannot read it at all (odd sampling, no frame ...)."""
    if _NO_END in complaint:
        try:
            # When only the end marker is missing, nothing of the picture is.
            return simplejpeg.decode_jpeg(data + b"\xff\xd9", min_height=smallest, min_width=smallest), ()
        except ValueError as error:
            complaint = str(error) or complaint
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data, min_height=smallest, min_width=smallest, strict=False)
        # A fatal error leaves rows unwritten without a word, so the canvas is neutral from the start.
        canvas = np.full((height, width, 3), _NEUTRAL, np.uint8)
        simplejpeg.decode_jpeg(data, min_height=smallest, min_width=smallest, strict=False, buffer=canvas)
    except (ValueError, KeyError):
        # KeyError: simplejpeg has no name for the colour space or the sampling.
        return None
    if _HARMLESS.search(complaint):
        return canvas, ()
    missing = float(np.mean(np.all(canvas == _NEUTRAL, axis=2)))
    return canvas, (damage_warning(1.0 - missing, complaint),)
