"""Evidence of where the camera stood: the position that the photo or its sidecar carries."""

from __future__ import annotations

import math
from dataclasses import dataclass

from landsight.photo.facts import Facts, PhotoWarning, Position
from landsight.whereabouts.evidence import Evidence

#: Radius when the file names no accuracy: what a phone under open sky reaches.
DEFAULT_RADIUS_M = 10.0
#: The radius is read as a 95 % circle. A convention, not a measurement: EXIF does not say what its accuracy means.
FILE_CONFIDENCE = 0.95
#: gps_status -> (warning code, text).
_STATUS_WARNINGS = {
    "zeroed": ("gps_zero", "The position is 0, 0: the camera had no fix when it wrote it."),
    "malformed": ("gps_malformed", "There is a position, but it cannot be read."),
}


@dataclass(frozen=True, slots=True)
class CameraEvidence:
    """``time`` is when the photo was taken, ISO 8601."""

    position: Position | None
    radius_m: float
    time: str | None
    evidence: tuple[Evidence, ...]
    warnings: tuple[PhotoWarning, ...]


def camera_evidence(facts: Facts | None) -> CameraEvidence:
    """What a photo says about the camera's position. A sidecar is in ``facts`` already (photo.sidecar.completed): it counts where the
    photo itself says nothing, because it may hold an estimate, and where both differ a warning says so.
    """
    position = facts.position if facts else None
    time = _time(facts)
    return CameraEvidence(
        position=position,
        radius_m=_radius_m(position) if position else DEFAULT_RADIUS_M,
        time=time,
        evidence=(_evidence(position, time),) if position else (),
        warnings=_warnings(facts),
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


def _time(facts: Facts | None) -> str | None:
    if facts is None:
        return None
    if facts.captured is not None:
        return facts.captured.iso
    return facts.position.time_utc if facts.position else None


def _warnings(facts: Facts | None) -> tuple[PhotoWarning, ...]:
    """Those of the facts; why there is no position is added where the reader has not said it."""
    if facts is None:
        return ()
    if facts.gps_status not in _STATUS_WARNINGS:
        return facts.warnings
    code, text = _STATUS_WARNINGS[facts.gps_status]
    if any(warning.code == code for warning in facts.warnings):
        return facts.warnings
    return (*facts.warnings, PhotoWarning(code, f"{text} {facts.gps_detail}" if facts.gps_detail else text))
