"""Where the camera stood, out of EXIF's GPS directory or XMP's exif:GPS properties; and when there is nothing, why.

References: EXIF 2.32 section 4.6.6 (GPS attributes); XMP part 2 section 8.4 (GPSCoordinate: "48,51.5N" or "48,51,30N").
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from landsight import sphere
from landsight.photo import tiff, xmp
from landsight.photo.capture_time import gps_time_utc, iso_to_utc
from landsight.photo.facts import GpsStatus, Position, PositionSource
from landsight.photo.tiff import ExifTags, Tag

#: Closer to 0, 0 than this (in degrees, 0.1 m) is a receiver that had no fix, not a photo from the Gulf of Guinea.
_ZERO_DEG: Final = 1e-6
#: Positions of one photo further apart than this are reported. Editors round, so metres do not count.
DISAGREE_M: Final = 1000.0
_NUMBER = r"([+-]?\d{1,12}(?:\.\d{0,20})?(?:/\d{1,12})?)"
_COORDINATE: Final = re.compile(rf"([NSEW])?\s*{_NUMBER}(?:[\s,]+{_NUMBER})?(?:[\s,]+{_NUMBER})?[\s,]*([NSEW])?", re.IGNORECASE | re.ASCII)
_AXES: Final = (("latitude", 90.0, "N", "S"), ("longitude", 180.0, "E", "W"))


@dataclass(frozen=True, slots=True)
class GpsReading:
    """One source's answer. ``detail`` is one plain sentence when there is no position."""

    status: GpsStatus
    position: Position | None = None
    detail: str | None = None


_ABSENT: Final = GpsReading("absent")


class _BadCoordinateError(ValueError):
    """The text says what is wrong, as the end of a sentence about the coordinate."""


def from_exif(tags: ExifTags) -> GpsReading:
    """Read the GPS directory. Never raises for its content."""
    gps = tags.gps
    if tags.gps_unreadable:
        return GpsReading("malformed", detail="The file announces a GPS block, but it lies outside the EXIF block.")
    if tiff.LATITUDE not in gps and tiff.LONGITUDE not in gps:
        return GpsReading("absent", detail="There is a GPS block, without a position.") if gps else _ABSENT
    try:
        latitude = _exif_coordinate(gps, 0, tiff.LATITUDE, tiff.LATITUDE_REF)
        longitude = _exif_coordinate(gps, 1, tiff.LONGITUDE, tiff.LONGITUDE_REF)
    except _BadCoordinateError as error:
        return GpsReading("malformed", detail=f"The GPS position in EXIF cannot be used: {error}.")
    if _is_zero(latitude, longitude):
        return GpsReading("zeroed", detail="The GPS position in EXIF is 0, 0: the receiver had no fix.")
    position = Position(
        latitude,
        longitude,
        "exif",
        altitude_m=_exif_altitude(gps),
        accuracy_m=_positive(_number(gps, tiff.GPS_ERROR)),
        direction_deg=_exif_direction(gps),
        time_utc=gps_time_utc(gps),
    )
    return GpsReading("present", position)


def from_xmp(properties: Mapping[xmp.Name, str], source: PositionSource) -> GpsReading:
    """Read exif:GPSLatitude and its kin, else DJI's own decimal pair. Never raises for the content."""
    latitude_text, longitude_text = (properties.get((xmp.EXIF, f"GPS{name}")) for name in ("Latitude", "Longitude"))
    if latitude_text is None and longitude_text is None:
        latitude_text = properties.get((xmp.DJI, "GpsLatitude"))
        longitude_text = properties.get((xmp.DJI, "GpsLongitude"), properties.get((xmp.DJI, "GpsLongtitude")))  # DJI's own spelling
    if latitude_text is None and longitude_text is None:
        return _ABSENT
    try:
        latitude = parse_coordinate(latitude_text or "", 0, properties.get((xmp.EXIF, "GPSLatitudeRef"), ""))
        longitude = parse_coordinate(longitude_text or "", 1, properties.get((xmp.EXIF, "GPSLongitudeRef"), ""))
    except _BadCoordinateError as error:
        return GpsReading("malformed", detail=f"The GPS position in XMP cannot be used: {error}.")
    if _is_zero(latitude, longitude):
        return GpsReading("zeroed", detail="The GPS position in XMP is 0, 0: the receiver had no fix.")
    return GpsReading("present", _xmp_position(properties, source, latitude, longitude))


def parse_coordinate(text: str, axis: int, reference: str = "") -> float:
    """Degrees from "48,51.5N", "48,51,30N", "48.8584", "-33.4", "S 33.4"; ``axis`` 0 is latitude, 1 longitude.

    ``reference`` (a separate N, S, E or W) counts when the text itself has no letter. A lone decimal number without any is signed.
    Raises: ValueError, its text the end of a sentence.
    """
    name, _, positive, _negative = _AXES[axis]
    match = _COORDINATE.fullmatch(text.strip())
    if match is None:
        raise _BadCoordinateError(f"its {name} is blank" if not text.strip() else f"its {name} is not a coordinate")
    before, *parts, after = match.groups()
    letter = (after or before or reference.strip()[:1]).upper()
    if not letter and parts[1] is None:
        letter = positive  # a signed decimal number
    values = [_fraction(part) for part in parts if part is not None]
    return _degrees(values, letter, axis, negative_zero=parts[0].startswith("-"))


def distance_m(a: Position, b: Position) -> float:
    """Great-circle distance in metres (landsight.sphere)."""
    return sphere.distance_m(a.latitude, a.longitude, b.latitude, b.longitude)


def _exif_coordinate(gps: Mapping[int, Tag], axis: int, value_tag: int, reference_tag: int) -> float:
    name = _AXES[axis][0]
    tag, reference = gps.get(value_tag), gps.get(reference_tag)
    if tag is None:
        raise _BadCoordinateError(f"the {name} is missing")
    letter = reference.text()[:1].upper() if reference is not None else ""
    if text := tag.text():
        return parse_coordinate(text, axis, letter or "?")
    values = tag.numbers()[:3]
    if not values or len(values) < min(tag.length, 3):
        raise _BadCoordinateError(f"its {name} is blank")
    return _degrees(values, letter, axis)


def _degrees(values: Sequence[float | None], letter: str, axis: int, *, negative_zero: bool = False) -> float:
    """Degrees, minutes, seconds and a hemisphere letter to signed degrees.

    A negative first value with a letter: the sign already says south or west, so "-12 S" is 12 south, not 12 north.
    """
    name, limit, positive, negative = _AXES[axis]
    known = [value for value in values if value is not None and math.isfinite(value)]
    if len(known) < len(values):
        raise _BadCoordinateError(f"its {name} divides by zero")
    if letter not in (positive, negative):
        raise _BadCoordinateError(f"it does not say which hemisphere its {name} is in")
    if any(value < 0 or value > 60 for value in known[1:]):
        raise _BadCoordinateError(f"its {name} has minutes or seconds beyond 60")
    size = abs(known[0]) + sum(value / 60.0**power for power, value in enumerate(known) if power)
    if size > limit:
        raise _BadCoordinateError(f"its {name} is beyond {limit:.0f} degrees")
    return -size if size and (letter == negative or known[0] < 0 or negative_zero) else size


def _is_zero(latitude: float, longitude: float) -> bool:
    return abs(latitude) < _ZERO_DEG and abs(longitude) < _ZERO_DEG


def _number(gps: Mapping[int, Tag], tag: int) -> float | None:
    values = gps[tag].numbers() if tag in gps else []
    return values[0] if values and values[0] is not None and math.isfinite(values[0]) else None


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def _exif_altitude(gps: Mapping[int, Tag]) -> float | None:
    """Metres above sea level. Reference 1 is below; some writers store it as text."""
    height = _number(gps, tiff.ALTITUDE)
    if height is None:
        return None
    reference = gps.get(tiff.ALTITUDE_REF)
    below = reference is not None and reference.raw[:1] in (b"\1", b"1")
    return -height if below and height > 0 else height


def _exif_direction(gps: Mapping[int, Tag]) -> float | None:
    """Degrees from true north; a compass bearing (reference M) is not that, and is left out."""
    value = _number(gps, tiff.DIRECTION)
    reference = gps.get(tiff.DIRECTION_REF)
    if value is None or not 0 <= value <= 360 or reference is None or reference.text()[:1].upper() != "T":
        return None
    return value % 360


def _xmp_position(properties: Mapping[xmp.Name, str], source: PositionSource, latitude: float, longitude: float) -> Position:
    def number(name: str) -> float | None:
        return _plain_number(properties.get((xmp.EXIF, name), ""))

    altitude = number("GPSAltitude")
    if altitude is not None and altitude > 0 and properties.get((xmp.EXIF, "GPSAltitudeRef"), "0").strip() == "1":
        altitude = -altitude
    direction = number("GPSImgDirection")
    is_true_north = properties.get((xmp.EXIF, "GPSImgDirectionRef"), "").strip().upper() == "T"
    return Position(
        latitude,
        longitude,
        source,
        altitude_m=altitude,
        accuracy_m=_positive(number("GPSHPositioningError")),
        direction_deg=direction % 360 if direction is not None and is_true_north and 0 <= direction <= 360 else None,
        time_utc=iso_to_utc(properties.get((xmp.EXIF, "GPSTimeStamp"), "")),
    )


def _plain_number(text: str) -> float | None:
    return _fraction(text.strip()) if re.fullmatch(_NUMBER, text.strip(), re.ASCII) else None


def _fraction(text: str) -> float | None:
    top, _, bottom = text.partition("/")
    if not bottom:
        return float(top)
    return float(top) / float(bottom) if float(bottom) else None
