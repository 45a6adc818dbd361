"""When a photo was taken, with a zone only where the file gives one.

References: EXIF 2.32 section 4.6.5 (DateTimeOriginal, SubSecTimeOriginal, OffsetTimeOriginal); XMP part 1 section 8.2.1.1 (dates).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from landsight.photo import tiff, xmp
from landsight.photo.facts import CaptureTime
from landsight.photo.tiff import ExifTags, Tag

_DATE_TIME: Final = re.compile(
    r"(\d{4})[:\-/.](\d{1,2})[:\-/.](\d{1,2})[T ]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9})\d*)?)?\s*(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)
_OFFSET: Final = re.compile(r"(Z)|([+-])(\d{2}):?(\d{2})", re.ASCII)
#: Zones reach from -12:00 to +14:00; anything beyond is garbage.
_MAX_OFFSET_MINUTES: Final = 14 * 60


def from_exif(tags: ExifTags) -> CaptureTime | None:
    """DateTimeOriginal, else DateTimeDigitized, each with its own fraction and offset. None when both are blank or impossible."""
    for date, fraction, offset in (
        (tiff.DATE_ORIGINAL, tiff.SUBSEC_ORIGINAL, tiff.OFFSET_ORIGINAL),
        (tiff.DATE_DIGITIZED, tiff.SUBSEC_DIGITIZED, tiff.OFFSET_DIGITIZED),
    ):
        time = parse(_text(tags.exif, date), _text(tags.exif, fraction), _text(tags.exif, offset))
        if time is not None:
            return time
    return None


def from_xmp(properties: Mapping[xmp.Name, str]) -> CaptureTime | None:
    """exif:DateTimeOriginal, photoshop:DateCreated or xmp:CreateDate, the first that is a possible time."""
    for name in ((xmp.EXIF, "DateTimeOriginal"), (xmp.PHOTOSHOP, "DateCreated"), (xmp.XMP, "CreateDate")):
        time = parse(properties.get(name, ""))
        if time is not None:
            return time
    return None


def parse(text: str, fraction: str = "", offset: str = "") -> CaptureTime | None:
    """EXIF's "2006:01:28 10:51:28" or an ISO 8601 time. An impossible date is None; an impossible offset is left out."""
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        return None
    *numbers, own_fraction, own_offset = match.groups()
    year, month, day, hour, minute, second = (int(n or 0) for n in numbers)
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59) if second == 60 else second)
    except ValueError:
        return None
    digits = own_fraction or (fraction.strip() if fraction.strip().isascii() and fraction.strip().isdigit() else "")
    iso = moment.isoformat() + (f".{digits[:9]}" if digits.strip("0") else "")
    zone = _offset(own_offset or offset)
    return CaptureTime(iso + (zone or ""), zone is not None)


def gps_time_utc(gps: Mapping[int, Tag]) -> str | None:
    """The GPS date and time stamps as ISO 8601 in UTC, or None when either is missing or impossible."""
    date = re.match(r"(\d{4})[:\-/](\d{1,2})[:\-/](\d{1,2})", _text(gps, tiff.GPS_DATE), re.ASCII)
    parts = gps[tiff.GPS_TIME].numbers() if tiff.GPS_TIME in gps else []
    if date is None or len(parts) != 3:
        return None
    hours, minutes, seconds = parts
    if hours is None or minutes is None or seconds is None or not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):
        return None
    try:
        moment = datetime(int(date[1]), int(date[2]), int(date[3]), tzinfo=UTC)
        moment += timedelta(seconds=round(hours * 3600 + minutes * 60 + seconds, 6))
    except (ValueError, OverflowError):
        return None
    return _utc_text(moment)


def iso_to_utc(text: str) -> str | None:
    """An ISO 8601 time with a zone, as UTC; None without a zone."""
    time = parse(text)
    if time is None or not time.has_zone:
        return None
    try:
        return _utc_text(datetime.fromisoformat(time.iso).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _utc_text(moment: datetime) -> str:
    text = moment.replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def _offset(text: str) -> str | None:
    """ "+02:00" for a possible offset. +00:00 is given as it stands: the file says so."""
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        return None
    if match[1]:
        return "+00:00"
    hours, minutes = int(match[3]), int(match[4])
    if minutes > 59 or hours * 60 + minutes > _MAX_OFFSET_MINUTES:
        return None
    return f"{match[2]}{hours:02d}:{minutes:02d}"


def _text(tags: Mapping[int, Tag], tag: int) -> str:
    return tags[tag].text() if tag in tags else ""
