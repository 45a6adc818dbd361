"""Checks what a photo worker says. A photo may own the worker, so every field is taken for hostile until its type and size are seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from landsight.errors import PHOTO_CODES, PhotoError
from landsight.photo.facts import CaptureTime, Facts, GpsStatus, PhotoWarning, Position, PositionSource
from landsight.photo.frames import FrameError

_MAX_TEXT: Final = 20_000
_MAX_WARNINGS: Final = 100
_MAX_SIDE_PX: Final = 2_000_000_000
_JPEG_START: Final = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Reply:
    """One photo's reply, checked. ``address_space``: bytes the worker says it holds, a hint for recycling only."""

    facts: Facts
    prepared: NDArray[np.uint8] | None
    thumbnail: bytes | None
    size_px: tuple[int, int] | None
    warnings: tuple[PhotoWarning, ...]
    error: PhotoError | None
    address_space: int


def body_limit(prepared_shape: tuple[int, int, int] | None, thumbnail_px: int | None) -> int:
    """Bytes that the body of a legal reply may have."""
    return (math.prod(prepared_shape) if prepared_shape else 0) + (thumbnail_px * thumbnail_px * 3 + 65_536 if thumbnail_px else 0)


def checked(header: dict[str, Any], body: bytearray, shape: tuple[int, int, int] | None, thumbnail_px: int | None) -> Reply:
    """The reply to a request that wanted a prepared array of ``shape`` (or none) and a thumbnail (or none).

    Raises: FrameError for a reply that is not one.
    """
    error = _error(header.get("error"))
    wants_pixels = error is None and (shape is not None or thumbnail_px is not None)
    prepared_shape = header.get("prepared")
    expected = list(shape) if shape is not None and error is None else None
    if prepared_shape != expected:
        raise FrameError("wrong shape")
    prepared_bytes = math.prod(shape) if shape is not None and error is None else 0
    thumbnail_bytes = _whole(header.get("thumbnail"), len(body))
    if prepared_bytes + thumbnail_bytes != len(body) or (thumbnail_bytes > 0) != (wants_pixels and thumbnail_px is not None):
        raise FrameError("wrong body")
    pixels = np.frombuffer(body, np.uint8, prepared_bytes).reshape(shape) if prepared_bytes and shape else None
    thumbnail = bytes(body[prepared_bytes:]) if thumbnail_bytes else None
    if thumbnail is not None and not thumbnail.startswith(_JPEG_START):
        raise FrameError("thumbnail is no JPEG")
    return Reply(
        facts=_facts(header.get("facts")),
        prepared=pixels,
        thumbnail=thumbnail,
        size_px=_size(header.get("size")),
        warnings=_warnings(header.get("warnings")),
        error=error,
        address_space=_whole(header.get("address_space"), 1 << 62),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise FrameError("no text")
    # Control characters could steer a terminal, half surrogates cannot be printed at all.
    return value if value.isprintable() else "".join(c if c.isprintable() else " " for c in value)


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _whole(value: object, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise FrameError("no whole number in range")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise FrameError("no flag")
    return value


def _number(value: object, most: float) -> float:
    if type(value) not in (int, float) or not abs(value) <= most:  # type: ignore[arg-type]
        raise FrameError("no number in range")
    return float(value)  # type: ignore[arg-type]


def _number_or_none(value: object) -> float | None:
    return None if value is None else _number(value, 1e12)


def _one_of(value: object, known: tuple[str, ...]) -> Any:
    if value not in known:
        raise FrameError("unknown word")
    return value


def _size(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise FrameError("no size")
    return _whole(value[0], _MAX_SIDE_PX), _whole(value[1], _MAX_SIDE_PX)


def _error(value: object) -> PhotoError | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(part, str) for part in value) or value[0] not in PHOTO_CODES:
        raise FrameError("no error")
    return PhotoError(value[0], _text(value[1]), _text(value[2]))


def _warnings(value: object) -> tuple[PhotoWarning, ...]:
    if not isinstance(value, list) or len(value) > _MAX_WARNINGS or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise FrameError("no warnings")
    return tuple(PhotoWarning(_text(code), _text(text)) for code, text in value)


def _facts(value: object) -> Facts:
    """The inverse of Facts.to_dict, field by field."""
    try:
        if not isinstance(value, dict):
            raise FrameError("no facts")
        return Facts(
            position=None if value["position"] is None else _position(value["position"]),
            gps_status=_one_of(value["gps_status"], get_args(GpsStatus)),
            gps_detail=_text_or_none(value["gps_detail"]),
            captured=None
            if value["captured"] is None
            else CaptureTime(_text(value["captured"]["iso"]), _flag(value["captured"]["has_zone"])),
            camera=_text_or_none(value["camera"]),
            software=_text_or_none(value["software"]),
            orientation=_whole(value["orientation"], 8),
            is_screenshot=_flag(value["is_screenshot"]),
            is_scan=_flag(value["is_scan"]),
            warnings=_warnings([[w["code"], w["text"]] for w in value["warnings"]]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise FrameError(f"no facts: {error}") from None


def _position(value: dict[str, object]) -> Position:
    return Position(
        latitude=_number(value["latitude"], 90.0),
        longitude=_number(value["longitude"], 180.0),
        source=_one_of(value["source"], get_args(PositionSource)),
        altitude_m=_number_or_none(value["altitude_m"]),
        accuracy_m=_number_or_none(value["accuracy_m"]),
        direction_deg=_number_or_none(value["direction_deg"]),
        time_utc=_text_or_none(value["time_utc"]),
    )
