"""Evidence of where the camera stood: the photo's own position, and that of its sidecar."""

from __future__ import annotations

import math
from dataclasses import dataclass

from landsight.photo.facts import Facts, PhotoWarning, Position
from landsight.places.sphere import distance_m
from landsight.whereabouts.evidence import Evidence

#: Radius when the file names no accuracy: what a phone under open sky reaches.
DEFAULT_RADIUS_M = 10.0
#: The radius is read as a 95 % circle. A convention, not a measurement: EXIF does not say what its accuracy means.
FILE_CONFIDENCE = 0.95
#: Above this distance photo and sidecar are said to disagree; below it one of them was rounded.
SIDECAR_DIFFERS_M = 1000.0

#: gps_status -> (warning code, text).
_STATUS_WARNINGS = {
    "zeroed": ("gps_zero", "The position is 0, 0: the camera had no fix when it wrote it."),
    "malformed": ("gps_malformed", "There is a position, but it cannot be read."),
}


@dataclass(frozen=True, slots=True)
class CameraEvidence:
    """``position`` is the one that counts (the first of ``evidence``); ``time`` is when the photo was taken, ISO 8601."""

    position: Position | None
    radius_m: float
    time: str | None
    evidence: tuple[Evidence, ...]
    warnings: tuple[PhotoWarning, ...]


def camera_evidence(facts: Facts | None, sidecar: Facts | None = None) -> CameraEvidence:
    """What a photo and its sidecar say about the camera's position.

    The photo's own position comes first, because a sidecar may hold an estimate; a sidecar more than 1 km away is said in the
    warning ``sidecar_differs``, and stays in the evidence.
    """
    own = facts.position if facts else None
    beside = sidecar.position if sidecar else None
    positions = [position for position in (own, beside) if position is not None]
    time = _time(facts, sidecar, positions)
    return CameraEvidence(
        position=positions[0] if positions else None,
        radius_m=_radius_m(positions[0]) if positions else DEFAULT_RADIUS_M,
        time=time,
        evidence=tuple(_evidence(position, time) for position in positions),
        warnings=(*_status_warnings(facts), *_status_warnings(sidecar), *_differs(own, beside)),
    )


def _evidence(position: Position, time: str | None) -> Evidence:
    detail = "" if _accuracy(position) is not None else "The file names no accuracy."
    return Evidence(
        kind="sidecar" if position.source == "sidecar" else "gps",
        of="camera",
        latitude=position.latitude,
        longitude=position.longitude,
        radius_m=_radius_m(position),
        confidence=FILE_CONFIDENCE,
        source=position.source,
        detail=detail,
        when=time,
    )


def _radius_m(position: Position) -> float:
    accuracy = _accuracy(position)
    return DEFAULT_RADIUS_M if accuracy is None else accuracy


def _accuracy(position: Position) -> float | None:
    """The accuracy tag, when it says something: finite and above zero."""
    value = position.accuracy_m
    return value if value is not None and math.isfinite(value) and value > 0 else None


def _time(facts: Facts | None, sidecar: Facts | None, positions: list[Position]) -> str | None:
    for source in (facts, sidecar):
        if source is not None and source.captured is not None:
            return source.captured.iso
    return next((position.time_utc for position in positions if position.time_utc), None)


def _status_warnings(facts: Facts | None) -> tuple[PhotoWarning, ...]:
    if facts is None:
        return ()
    found = [*facts.warnings]
    if facts.gps_status in _STATUS_WARNINGS:
        code, text = _STATUS_WARNINGS[facts.gps_status]
        if all(warning.code != code for warning in found):
            found.append(PhotoWarning(code, f"{text} {facts.gps_detail}" if facts.gps_detail else text))
    return tuple(found)


def _differs(own: Position | None, beside: Position | None) -> tuple[PhotoWarning, ...]:
    if own is None or beside is None:
        return ()
    distance = distance_m(own.latitude, own.longitude, beside.latitude, beside.longitude)
    if distance <= SIDECAR_DIFFERS_M:
        return ()
    text = f"The sidecar's position lies {distance / 1000:.1f} km from the photo's own; the photo's own is given."
    return (PhotoWarning("sidecar_differs", text),)
