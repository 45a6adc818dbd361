"""The country of a point, from polygons: the time zone (tzfpy), and a few outlines where a zone spans countries or is disputed.

Source: docs/decisions/0003-countries-from-time-zone-polygons.md. Nothing is loaded at import.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from landsight.errors import PlacesError

Ring = tuple[tuple[float, float], ...]

#: Where two zones of different countries overlap, both claim the ground. The country that the United Nations and GeoNames name is given
#: for these pairs; any other overlap stays open (None).
_CLAIMS: Final = {frozenset({"IL", "PS"}): "PS", frozenset({"GE", "RU"}): "GE"}


@dataclass(frozen=True, slots=True)
class Outline:
    """Ground where the zone's own country does not hold. ``code`` None: left open. ``ring``: (latitude, longitude) in degrees, closed implicitly."""

    name: str
    zones: frozenset[str]
    code: str | None
    ring: Ring
    box: tuple[float, float, float, float]

    def holds(self, latitude: float, longitude: float) -> bool:
        """True inside the ring: crossings of a ray to the east, counted even-odd."""
        south, west, north, east = self.box
        if not (south <= latitude <= north and west <= longitude <= east):
            return False
        inside = False
        previous_lat, previous_lon = self.ring[-1]
        for lat, lon in self.ring:
            if (lat > latitude) != (previous_lat > latitude):
                crossing = lon + (latitude - lat) * (previous_lon - lon) / (previous_lat - lat)
                inside ^= longitude < crossing
            previous_lat, previous_lon = lat, lon
        return inside


def read_data(name: str) -> str:
    """Text of a shipped table. Raises: PlacesError when it is missing."""
    try:
        return (files("landsight.places") / "data" / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlacesError("places_damaged", f"The place table {name} cannot be read: {error}.", "Install landsight again.") from None


def _pairs(name: str) -> dict[str, str]:
    rows = [line.split("\t") for line in read_data(name).splitlines()]
    if any(len(row) != 2 for row in rows):
        raise PlacesError("places_damaged", f"The place table {name} is damaged.", "Install landsight again.")
    return {row[0]: row[1] for row in rows}


@cache
def country_names() -> dict[str, str]:
    """Code -> English short name, from GeoNames."""
    return _pairs("countries.tsv")


@cache
def _zones() -> dict[str, str]:
    return _pairs("zones.tsv")


@cache
def _outlines() -> dict[str, tuple[Outline, ...]]:
    """Zone -> its outlines, in the order they are to be asked."""
    by_zone: dict[str, list[Outline]] = {}
    for row in json.loads(read_data("outlines.json")):
        ring = tuple((float(lat), float(lon)) for lat, lon in row["ring"])
        lats, lons = [p[0] for p in ring], [p[1] for p in ring]
        box = (min(lats), min(lons), max(lats), max(lons))
        outline = Outline(row["name"], frozenset(row["zones"]), row["code"], ring, box)
        for zone in outline.zones:
            by_zone.setdefault(zone, []).append(outline)
    return {zone: tuple(outlines) for zone, outlines in by_zone.items()}


@cache
def _zone_finder() -> Callable[[float, float], list[str]]:
    """tzfpy's exact lookup (longitude first); its polygons are unpacked at the first call."""
    from tzfpy import get_tzs

    finder: Callable[[float, float], list[str]] = get_tzs
    return finder


def country_code_at(latitude: float, longitude: float) -> str | None:
    """ISO 3166-1 code of the country, its waters of 12 nautical miles included; None on the open sea and where it is left open.

    Degrees WGS 84, in range. The lines are OpenStreetMap's, simplified by tzfpy to within 111 m. Cost: a few microseconds.
    """
    zones, outlines = _zones(), _outlines()
    found = _zone_finder()(longitude, latitude)
    codes: set[str] = set()
    for zone in found:
        outline = next((o for o in outlines.get(zone, ()) if o.holds(latitude, longitude)), None)
        if outline is not None and outline.code is None:
            return None
        code = outline.code if outline is not None else zones.get(zone)
        if code is not None:
            codes.add(code)
    return codes.pop() if len(codes) == 1 else _CLAIMS.get(frozenset(codes))
