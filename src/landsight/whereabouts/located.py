"""The answer about one photo, and its line of JSON (locate-line.schema.json beside it)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from landsight.answer.line import SURROGATES, Problem, clean
from landsight.photo.facts import Facts, PhotoWarning, PositionSource
from landsight.places.place import Place
from landsight.whereabouts.evidence import Evidence

__all__ = ["SCHEMA_VERSION", "SURROGATES", "Camera", "Candidate", "Conflict", "Located", "Looked", "Outcome", "Problem", "Shown"]

#: The version of the line. A line changes only together with this number.
SCHEMA_VERSION = 1

Outcome = Literal["gps", "landmark", "unknown_place", "not_a_place", "error"]
Looked = Literal["landmark", "unknown_place", "not_a_place"]


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera stood. ``time`` is ISO 8601, with an offset when the file says one; ``place`` None when no table has the point."""

    latitude: float
    longitude: float
    radius_m: float
    source: PositionSource | Literal["track", "neighbour"]
    time: str | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the picture shows. Coordinates and names of the place are None when the bundle has no places."""

    label: str
    name: str
    probability: float
    latitude: float | None = None
    longitude: float | None = None
    radius_m: float | None = None
    city: str | None = None
    country: str | None = None
    country_code: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the best labels, ``rank`` from 1; ``probability`` is the share among the bundle's labels, whatever the outcome."""

    rank: int
    label: str
    name: str
    probability: float
    latitude: float | None = None
    longitude: float | None = None
    city: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two pieces of evidence that cannot both be the whole truth. ``kind`` "camera_shown": the camera stood far from what is shown."""

    kind: str
    distance_m: float
    probability: float


@dataclass(frozen=True, slots=True)
class Located:
    """Where a photo was taken and what it shows, with the evidence.

    ``outcome``: "gps" when anything tells where the camera stood, else what ``looked`` says, "error" when the photo could not be
    read. ``looked`` is None when pixels were not opened. ``camera`` and ``shown`` are never merged. ``facts`` is what the metadata
    says, for writers of sidecars; it is not part of the line.
    """

    path: str
    outcome: Outcome
    looked: Looked | None = None
    camera: Camera | None = None
    shown: Shown | None = None
    known_probability: float | None = None
    candidates: tuple[Candidate, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    warnings: tuple[PhotoWarning, ...] = ()
    error: Problem | None = None
    facts: Facts | None = None

    def to_line(self) -> dict[str, Any]:
        """JSON-ready, exactly the contract's line: every number finite or None, every text valid UTF-8."""
        line: dict[str, Any] = clean(
            {
                "schema_version": SCHEMA_VERSION,
                "path": self.path,
                "outcome": self.outcome,
                "looked": self.looked,
                "camera": _camera_line(self.camera),
                "shown": _label_line(self.shown, ("radius_m", "city", "country", "country_code")),
                "known_probability": self.known_probability,
                "candidates": [{"rank": c.rank} | (_label_line(c, ("city", "country")) or {}) for c in self.candidates],
                "evidence": [
                    _fields(e, ("kind", "of", "latitude", "longitude", "radius_m", "confidence", "source", "detail")) for e in self.evidence
                ],
                "conflicts": [_fields(c, ("kind", "distance_m", "probability")) for c in self.conflicts],
                "warnings": [_fields(w, ("code", "text")) for w in self.warnings],
                "error": self.error.to_dict() if self.error else None,
            }
        )
        return line


def _camera_line(camera: Camera | None) -> dict[str, Any] | None:
    if camera is None:
        return None
    place = camera.place.to_dict() if camera.place else None
    return _fields(camera, ("latitude", "longitude", "radius_m", "source", "time")) | {"place": place}


def _label_line(item: Shown | Candidate | None, more: tuple[str, ...]) -> dict[str, Any] | None:
    if item is None:
        return None
    return {"class": item.label} | _fields(item, ("name", "probability", "latitude", "longitude", *more))


def _fields(item: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names}
