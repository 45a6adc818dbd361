"""Lines of the contract for tests of what formats and tables make of them."""

from __future__ import annotations

from typing import Any

PLACE = {
    "country": "Egypt",
    "country_code": "EG",
    "region": "Giza",
    "city": "Al Jīzah",
    "distance_m": 9_000.0,
    "bearing_deg": 245.0,
    "near_border": None,
}
CAMERA = {
    "latitude": 29.9773,
    "longitude": 31.1325,
    "radius_m": 10.0,
    "source": "exif",
    "time": "2024-03-17T09:41:00",
    "place": PLACE,
}
SHOWN = {
    "class": "pyramids_of_giza",
    "name": "Pyramids of Giza",
    "probability": 0.97,
    "latitude": 29.9792,
    "longitude": 31.1342,
    "radius_m": 800.0,
    "city": "Giza",
    "country": "Egypt",
    "country_code": "EG",
}


def line(**changes: Any) -> dict[str, Any]:
    """A whole line; by default a photo with GPS whose pixels were not opened."""
    return {
        "schema_version": 1,
        "path": "a.jpg",
        "outcome": "gps",
        "looked": None,
        "camera": CAMERA,
        "shown": None,
        "known_probability": None,
        "candidates": [],
        "evidence": [],
        "conflicts": [],
        "warnings": [],
        "error": None,
    } | changes


def landmark(**changes: Any) -> dict[str, Any]:
    """A photo that is named by its picture."""
    candidates = [{"rank": 1} | {k: SHOWN[k] for k in ("class", "name", "probability", "latitude", "longitude", "city", "country")}]
    base = line(outcome="landmark", looked="landmark", camera=None, shown=SHOWN, known_probability=0.98, candidates=candidates)
    return base | changes


def error(code: str = "damaged", **changes: Any) -> dict[str, Any]:
    """A photo that could not be read."""
    problem = {"code": code, "reason": "Less than half of it could be decoded.", "advice": "Get another copy."}
    return line(outcome="error", camera=None, error=problem) | changes
